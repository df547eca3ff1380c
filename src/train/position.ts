/** @file Position of a checkpoint in its training, as JSON and back; impossible positions are refused. Imports nothing. */
/** The next batch to run. Sums are those of the epoch so far, so that its means survive a stop. */
export interface Position {
  readonly epoch: number
  readonly batch: number
  /** Optimiser steps taken. */
  readonly step: number
  readonly sums: Readonly<Record<string, number>>
  /** Images behind the sums. */
  readonly images: number
  /** Best validation so far, and the steps taken before it. */
  readonly best: { readonly step: number; readonly value: number } | null
  /** Steps that had been taken at the last validation. */
  readonly validated: number
}

/** Length of the training. */
export interface Plan {
  /** The most epochs: in a training by steps, each may have lost all batches but one. */
  readonly epochs: number
  /** Batches in an epoch. */
  readonly batches: number
}

export const START: Position = {
  epoch: 0,
  batch: 0,
  step: 0,
  sums: {},
  images: 0,
  best: null,
  validated: 0,
}

export function formatPosition(position: Position): string {
  return JSON.stringify(position)
}

/** The position, or the problem in words. */
export function parsePosition(text: string, plan: Plan): Position | string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'its position is not JSON'
  }
  if (!isTree(value)) return 'its position is not an object'
  const { epoch, batch, step, images, sums, best, validated } = value
  if (!isCount(epoch, plan.epochs)) return outOfPlan('epoch', epoch, plan.epochs)
  if (!isCount(batch, epoch === plan.epochs ? 0 : plan.batches))
    return outOfPlan('batch', batch, epoch === plan.epochs ? 0 : plan.batches)
  // an epoch without a step is an error, so that each has left at least one
  const [least, most] = [epoch + Math.min(batch, 1), epoch * plan.batches + batch]
  if (!isCount(step, most) || step < least) return `its step is ${show(step)}, not ${least} to ${most}`
  if (!isCount(images) || images > 0 !== batch > 0)
    return `its count of images is ${show(images)} at batch ${batch}`
  const numbers = sumsOf(sums)
  if (numbers === undefined) return 'its sums are not numbers by name'
  const judged = bestOf(best, step)
  if (judged === undefined) return 'its best validation is not a step of the past with a value'
  if (!isCount(validated, step)) return outOfPlan('validated', validated, step)
  return { epoch, batch, step, images, sums: numbers, best: judged, validated }
}

/** NaN and infinity have no JSON: they are written as null. */
function numberOf(value: unknown): number | undefined {
  if (value === null) return Number.NaN
  return typeof value === 'number' ? value : undefined
}

function sumsOf(value: unknown): Record<string, number> | undefined {
  if (!isTree(value)) return undefined
  const sums = Object.entries(value).map(([name, sum]) => [name, numberOf(sum)] as const)
  if (sums.some(([, sum]) => sum === undefined)) return undefined
  return Object.fromEntries(sums) as Record<string, number>
}

function bestOf(value: unknown, reached: number): Position['best'] | undefined {
  if (value === null) return null
  if (!isTree(value)) return undefined
  const [step, judged] = [value.step, numberOf(value.value)]
  return judged !== undefined && isCount(step, reached) ? { step, value: judged } : undefined
}

function outOfPlan(name: string, value: unknown, most: number): string {
  return `its ${name} is ${show(value)}, not a whole number from 0 to ${most}`
}

function show(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 40)
}

function isCount(value: unknown, most = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
