/** @file How long a training is: epochs as its section says, or more where they have too few steps. Imports no torch. */
import type { Log } from '../train/log.ts'

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
  const words = `${counted(fitting, 'epoch')} of ${counted(batches, 'step')}`
  log.info(`${title}: ${words}, to have ${counted(steps, 'step')} or more`)
  return fitting
}

/** Says it where fewer images are left than a batch has: they are then one. */
export function sayIfOneBatch(
  images: readonly unknown[],
  { batchSize, title, key, log }: { batchSize: number; title: string; key: string; log: Log },
): void {
  if (images.length >= batchSize) return
  log.warn(
    `${title}: a batch is all ${images.length} images that have labels, fewer than ${key} (${batchSize})`,
  )
}

/** In words, as in "60 epochs, at least 150 steps". */
export function lengthWords({ epochs, steps }: Length): string {
  return `${counted(epochs, 'epoch')}${steps === null ? '' : `, at least ${counted(steps, 'step')}`}`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
