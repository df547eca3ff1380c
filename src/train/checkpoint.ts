/** @file A checkpoint is one safetensors file: weights, optimiser, random state, and where in the epoch training stood. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts'
import type { TensorData } from '../io/tensor-data.ts'
import type { Module } from '../nn/index.ts'
import type { Optimiser } from '../optim/index.ts'
import { fromData, randomState, scope, setRandomState, type Tensor } from '../torch/index.ts'

/** Where training stands: the next batch to run. Sums are those of the epoch so far, so that its means survive a stop. */
export interface Position {
  readonly epoch: number
  readonly batch: number
  /** Optimiser steps taken. */
  readonly step: number
  readonly sums: Readonly<Record<string, number>>
  /** Pictures behind the sums. */
  readonly pictures: number
  /** Best validation mAP so far, with its epoch. */
  readonly best: { readonly epoch: number; readonly value: number } | null
}

export interface TrainingState {
  readonly network: Module
  readonly optimiser: Optimiser
}

export const checkpointFiles = (folder: string) => ({
  /** Everything needed to go on. */
  state: join(folder, 'state.safetensors'),
  /** Weights alone, under PyTorch's names. */
  last: join(folder, 'last.safetensors'),
  best: join(folder, 'best.safetensors'),
})

/** Writes the state by atomic rename: killed at any moment, the old or the new file is there, whole. */
export async function saveState(
  folder: string,
  { network, optimiser }: TrainingState,
  position: Position,
): Promise<void> {
  const { tensors, steps } = optimiser.state()
  const all = new Map([
    ...prefixed('network', network.stateDict()),
    ...prefixed('optimiser', tensors),
    ['random.cpu', scope(() => randomState().toData())] as const,
  ])
  await writeSafetensors(checkpointFiles(folder).state, all, {
    position: JSON.stringify(position),
    steps: String(steps),
  })
}

/** Puts a saved state back and returns where to go on; undefined when there is none. */
export async function loadState(
  folder: string,
  { network, optimiser }: TrainingState,
): Promise<Position | undefined> {
  const { state } = checkpointFiles(folder)
  if ((await stat(state).catch(() => undefined)) === undefined) return undefined
  const { tensors, metadata } = await readSafetensors(state)
  const random = tensors.get('random.cpu')
  if (random === undefined || metadata.position === undefined) {
    throw new InputError(state, 'is not a checkpoint of a training', {
      expected: 'move it away to train from the start',
    })
  }
  network.loadStateDict(unprefixed('network', tensors))
  optimiser.loadState(unprefixed('optimiser', tensors), Number(metadata.steps))
  scope(() => setRandomState(fromData(random)))
  return JSON.parse(metadata.position) as Position
}

/** Writes the weights alone, with a few words about them as metadata. */
export async function saveWeights(
  file: string,
  network: Module,
  metadata: Record<string, string>,
): Promise<void> {
  await writeSafetensors(file, prefixed(undefined, network.stateDict()), metadata)
}

function prefixed(prefix: string | undefined, tensors: ReadonlyMap<string, Tensor>): Map<string, TensorData> {
  return new Map(
    [...tensors].map(([name, tensor]) => [
      prefix === undefined ? name : `${prefix}.${name}`,
      tensor.toData(),
    ]),
  )
}

function unprefixed(prefix: string, tensors: ReadonlyMap<string, TensorData>): Map<string, TensorData> {
  return new Map(
    [...tensors].flatMap(([name, data]) =>
      name.startsWith(`${prefix}.`) ? [[name.slice(prefix.length + 1), data]] : [],
    ),
  )
}
