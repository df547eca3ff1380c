/** @file Names of scores. A score always carries its metric, split, threshold and how that was chosen,
 * so that no two are mixed up. */
import { count } from '../io/count.ts'
import type { MiouResult } from './miou.ts'

/** The stages that can be scored: maps at their best threshold (`seed`, with dense CRF `seed+crf`, with PAR
 * `seed+par`), refined
 * pseudo labels (`mask`), and the trained network's predictions (one scale, several, several with CRF). */
export const METRIC_NAMES = ['seed', 'seed+crf', 'seed+par', 'mask', 'val', 'val ms', 'val ms+crf'] as const

/** One of `METRIC_NAMES`. */
export type MetricName = (typeof METRIC_NAMES)[number]

/** The origin of a background threshold. */
export type ThresholdChoice =
  | { readonly how: 'swept on the same masks it is scored on' }
  | { readonly how: 'chosen on split'; readonly split: string }
  | { readonly how: 'given' }
  | { readonly how: 'what the CAMs are made for' }
  | { readonly how: 'from the CAMs alone' }

/** A background threshold and its origin. */
export interface ChosenThreshold {
  readonly value: number
  readonly choice: ThresholdChoice
}

/** One result: `result` in percent over `images` images of `split`; masks made without a threshold have none. */
export interface Score {
  readonly metric: MetricName
  readonly split: string
  readonly threshold: ChosenThreshold | undefined
  readonly images: number
  readonly result: MiouResult
  /** Side of the square, in pixels, by which regions were eroded before; undefined: not at all. */
  readonly erosion?: number | undefined
}

/** How the threshold was chosen, in words. */
export function describeChoice(choice: ThresholdChoice): string {
  return choice.how === 'chosen on split' ? `chosen on split ${choice.split}` : choice.how
}

/** A score without its value: `seed mIoU on train (1,103 images), threshold 0.40, given`. */
export function describeScore({ metric, split, threshold, images, erosion }: Score): string {
  const where = `${metric} mIoU on ${split} (${count(images, 'image')})`
  const eroded = erosion === undefined ? '' : `, regions eroded by ${erosion}x${erosion} pixels`
  if (threshold === undefined) return `${where}, no threshold${eroded}`
  return `${where}, threshold ${formatThreshold(threshold.value)}, ${describeChoice(threshold.choice)}${eroded}`
}

/** Warnings for readers who compare this score with another. */
export function scoreWarnings({ metric, split, threshold, images }: Score): string[] {
  const warnings: string[] = []
  if (threshold?.choice.how === 'swept on the same masks it is scored on') {
    warnings.push(
      `The threshold ${formatThreshold(threshold.value)} of ${metric} was chosen on the same ${split} masks that it is scored on: ` +
        'the number is an upper bound, and uses masks that weak supervision does not have.',
    )
  }
  if (images === 0) warnings.push(`No image of ${split} has a mask: ${metric} says nothing.`)
  return warnings
}

/** At least two decimals: 0.40, 0.375. */
export function formatThreshold(value: number): string {
  const short = value.toFixed(2)
  return Number(short) === value ? short : String(value)
}
