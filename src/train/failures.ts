/** @file Errors that end a training: which key of the recipe to change, and what happens to the checkpoint. */
import { InputError, TagmaskError, TorchError } from '../errors.ts'
import { isOutOfMemory } from '../io/available-memory.ts'
import type { Precision } from '../torch/index.ts'

/** Name of a training and the keys of its settings. */
export interface TrainingNames {
  /** Name of the stage, before its progress and messages. */
  readonly title?: string
  /** The recipe's keys of its learning rate and batch size. */
  readonly keys?: { readonly lr: string; readonly batchSize: string }
}

const WORDS = { lr: 'the learning rate', batchSize: 'the batch size' } // of a training without a recipe

/** Another learning rate or precision is another training: it does not resume from the checkpoint. */
export function notFinite(
  { title = 'train', keys, precision }: TrainingNames & { readonly precision: Precision },
  problem: string,
): TagmaskError {
  const lower = `lower ${(keys ?? WORDS).lr}`
  const fp32 = keys === undefined ? 'the precision fp32' : '--precision fp32'
  const anew = keys === undefined ? 'in another folder' : 'with --resume-with-changes or under another --name'
  const remedy = precision === 'fp32' ? lower : `${lower} or use ${fp32}`
  return new TagmaskError(
    `${title}: ${problem}; ${remedy}: this training then starts anew, ${anew}; the last checkpoint stays as it is`,
  )
}

/** Not one image of an epoch could be read. */
export function nothingSeen({ title = 'train' }: TrainingNames, epoch: number): InputError {
  return new InputError(title, `no image could be used in epoch ${epoch + 1}`, {
    expected:
      'check that their folder exists and is readable, then run the same command: training resumes from here',
  })
}

/** Names the key that makes a step smaller when libtorch ran out of memory; other errors are returned unchanged. */
export function stepFailure(
  { title = 'train', keys = WORDS }: TrainingNames,
  images: number,
  error: unknown,
): unknown {
  if (!(error instanceof TorchError) || !isOutOfMemory(error)) return error
  return new TagmaskError(
    `${title}: there is not enough memory for a step of ${images} images; lower ${keys.batchSize}, or train smaller images`,
    { cause: error },
  )
}
