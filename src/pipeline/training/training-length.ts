/** @file The length of a training: the epochs of its section, more where they have too few steps, or steps. Imports no torch. */
import { count } from '../../io/count.ts'
import type { Length } from '../../train/length.ts'
import type { Log } from '../../train/log.ts'

/** The length in a section; one of the two is a number. */
export interface LengthSettings {
  readonly epochs: number | null
  readonly steps: number | null
}

/** Batches in an epoch of so many images, at least one. */
export function batchesOf(
  images: number,
  { batchSize, dropLast }: { readonly batchSize: number; readonly dropLast: boolean },
): number {
  return Math.max(1, dropLast ? Math.floor(images / batchSize) : Math.ceil(images / batchSize))
}

/**
 * Epochs of `batches` steps, more where `steps` needs them, which is then logged; steps where the section has no epochs.
 */
export function lengthOf(
  { epochs, steps }: LengthSettings,
  { batches, title, log }: { batches: number; title: string; log: Log },
): Length {
  if (epochs === null) return { unit: 'steps', count: steps! }
  const fitting = Math.ceil((steps ?? 0) / batches)
  if (steps === null || fitting <= epochs) return { unit: 'epochs', count: epochs }
  const words = `${count(fitting, 'epoch')} of ${count(batches, 'step')}`
  log.info(`${title}: ${words}, to have ${count(steps, 'step')} or more`)
  return { unit: 'epochs', count: fitting }
}

/** Warns where fewer images are left than a batch has: they are then one. */
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
export function lengthWords({ epochs, steps }: LengthSettings): string {
  if (epochs === null) return count(steps!, 'step')
  return `${count(epochs, 'epoch')}${steps === null ? '' : `, at least ${count(steps, 'step')}`}`
}
