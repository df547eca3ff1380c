/** @file How long a training is: epochs as its section says, or as many as have the steps it asks for. Imports no torch. */
import type { Log } from '../train/log.ts'

interface Length {
  readonly epochs: number
  readonly steps: number | null
}

/** Epochs of a training with so many batches in each; says how many where `steps` decides. */
export function epochsOf(
  { epochs, steps }: Length,
  { batches, title, log }: { batches: number; title: string; log: Log },
): number {
  if (steps === null) return epochs
  const fitting = Math.ceil(steps / batches)
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

/** In words, as in "60 epochs". */
export function lengthWords({ epochs, steps }: Length): string {
  return steps === null ? counted(epochs, 'epoch') : counted(steps, 'step')
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
