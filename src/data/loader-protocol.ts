/** @file Messages between the loaders and their worker threads. */
import { InputError } from '../errors.ts'
import { isOutOfMemory } from '../io/available-memory.ts'
import type { RgbImage } from '../io/image.ts'
import { textOf } from '../io/printable.ts'
import type { SampleTransform } from './samples.ts'
import type { Normalisation } from './transforms/normalise.ts'
import type { UnitRounding, View } from './transforms/views.ts'

/** What a worker is for. */
export type LoaderJob = BatchJob | ViewJob

export interface BatchJob {
  readonly kind: 'batch'
  readonly transform: SampleTransform
}

export interface ViewJob {
  readonly kind: 'views'
  readonly scales: readonly number[]
  readonly unit: number
  readonly least: number
  readonly rounding: UnitRounding
  readonly longestSide: number
  readonly normalisation: Normalisation
  /** Whether the answer holds the image's own pixels; else they are empty. */
  readonly withImage: boolean
}

/** One image for place `place` of a batch; `index` names its random stream. */
export interface SampleRequest {
  readonly place: number
  readonly index: number
  readonly path: string
  /** Further files, such as labels. */
  readonly files: readonly string[]
}

export interface BatchTask {
  readonly pixels: SharedArrayBuffer // float32 [B, 3, S, S]
  readonly labels: SharedArrayBuffer // bytes, as many a sample as its kind has
  readonly epoch: number
  readonly batch: number
  readonly samples: readonly SampleRequest[]
  /** Bytes of decoded images this worker may keep. */
  readonly cacheBytes: number
}

export interface BatchReply {
  readonly bad: readonly { readonly place: number; readonly report: BadImage }[]
}

export interface ViewTask {
  readonly path: string
  /** Scales are relative to this share of the image's size, or to what fits into the longest side where that is less. */
  readonly fit: number
}

export type ViewReply =
  | { readonly image: RgbImage; readonly views: readonly View[] }
  | { readonly bad: BadImage }

/** An InputError in a form that passes between threads. */
export interface BadImage {
  readonly file: string
  readonly problem: string
  readonly expected?: string | undefined
  readonly field?: string | undefined
}

/** Undefined when the error is not about the image `path`: then it is a bug and must surface. */
export function badImage(error: unknown, path: string): BadImage | undefined {
  if (error instanceof RangeError && isOutOfMemory(error))
    return { file: path, problem: `does not fit into the memory there is (${textOf(error)})` }
  if (!(error instanceof InputError)) return undefined
  const { file, problem, expected, field } = error
  return { file, problem, expected, field }
}

export function inputError({ file, problem, expected, field }: BadImage): InputError {
  return new InputError(file, problem, { ...(expected && { expected }), ...(field && { field }) })
}
