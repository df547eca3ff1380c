/** @file How long a training is: epochs as its section says, or more where they have too few steps. Imports no torch. */
import { count } from '../../io/count.ts'
import type { Log } from '../../train/log.ts'

interface Length {
  readonly epochs: number
  readonly steps: number | null
}

/** Epochs of a training with so many batches in each, more where that takes `steps`; says it where `steps` decides. */
export function epochsOf(
  { epochs, steps }: Length,
  { batches, title, log }: { batches: number; title: string; log: Log },
): number {
  const fitting = Math.ceil((steps ?? 0) / batches)
  if (steps === null || fitting <= epochs) return epochs
  const words = `${count(fitting, 'epoch')} of ${count(batches, 'step')}`
  log.info(`${title}: ${words}, to have ${count(steps, 'step')} or more`)
  return fitting
}

/** Says it where fewer images are left than a batch has: they are then one. */
export function sayIfOneBatch(
  images: readonly unknown[],
  { batchSize, title, key, log }: { batchSize: number; title: string; key: string; log: Log },
): void {
  if (images.length >= batchSize) return
  log.warn(
    `${title}: a batch is ${count(images.length, 'image')}, all that have labels, fewer than ${key} (${batchSize})`,
  )
}

/** In words, as in "60 epochs, at least 150 steps". */
export function lengthWords({ epochs, steps }: Length): string {
  return `${count(epochs, 'epoch')}${steps === null ? '' : `, at least ${count(steps, 'step')}`}`
}
