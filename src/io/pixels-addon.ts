/** @file Finds and types the addon without libtorch: Pillow's resize, dense CRF, PAR (native/pixels). */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { InputError } from '../errors.ts'
import { addonFile, setupCommand } from './package-root.ts'
import { checkThreads, defaultThreads } from './thread-count.ts'

/** Part of an image to resize; the box lies in it. */
export interface ResizeRequest {
  /** HWC RGB. */
  readonly source: Uint8Array
  readonly sourceWidth: number
  readonly sourceHeight: number
  readonly x: number
  readonly y: number
  readonly boxWidth: number
  readonly boxHeight: number
  readonly width: number
  readonly height: number
  readonly bicubic: boolean
}

/** One image for the dense CRF: exactly one of `energies`, `scores` and `labelMap`. */
export interface CrfRequest {
  readonly width: number
  readonly height: number
  readonly labels: number
  readonly iterations: number
  readonly threads: number
  /** HWC RGB. */
  readonly image: Uint8Array
  /** [labels, height, width]. */
  readonly energies?: Float32Array
  /** [labels, height, width]; the addon takes -log(clip(scale * score + (1 - scale) / labels)). */
  readonly scores?: Float32Array
  readonly clip?: number
  readonly scale?: number
  /** [height, width], negative where unsure. */
  readonly labelMap?: Int32Array
  readonly gtProb?: number
  /** [sx, sy, compat]. */
  readonly gaussian?: Float64Array
  /** [sx, sy, sr, sg, sb, compat]. */
  readonly bilateral?: Float64Array
}

/** Planes of one image for the bilateral filter. */
export interface FilterRequest {
  readonly width: number
  readonly height: number
  /** Planes. */
  readonly labels: number
  readonly threads: number
  /** HWC RGB. */
  readonly image: Uint8Array
  /** [labels, height, width]. */
  readonly planes: Float32Array
  /** [sx, sy, sr, sg, sb, 1]. */
  readonly bilateral: Float64Array
}

/** One image for PAR. */
export interface ParRequest {
  readonly width: number
  readonly height: number
  readonly channels: number
  readonly maskWidth: number
  readonly maskHeight: number
  readonly iterations: number
  readonly threads: number
  readonly dilations: Int32Array
  readonly dilationCount: number
  readonly w1: number
  readonly w2: number
  /** [3, height, width] in [0, 1]. */
  readonly image: Float32Array
  /** [channels, maskHeight, maskWidth]. */
  readonly masks: Float32Array
}

interface PixelsAddon {
  /** HWC RGB, on the calling thread. */
  resizeNow(request: ResizeRequest): Uint8Array
  denseCrf(request: CrfRequest): Promise<Float32Array>
  /** On the calling thread and its team. */
  bilateralFilterNow(request: FilterRequest): Float32Array
  par(request: ParRequest): Promise<Float32Array>
  /** The same when it returns, images side by side on the threads of the first. */
  parNow(requests: readonly ParRequest[]): Float32Array[]
}

let loaded: PixelsAddon | undefined

/** The addon, loaded at the first call. Throws InputError when the set-up has not built it. */
export function pixelsAddon(): PixelsAddon {
  if (loaded !== undefined) return loaded
  const path = addonFile('pixels/tagmask_pixels.node')
  const expected = `run: ${setupCommand()}`
  if (!existsSync(path))
    throw new InputError(path, 'addon of images (resize, dense CRF, PAR) not built', { expected })
  try {
    loaded = createRequire(import.meta.url)(path) as PixelsAddon
  } catch (cause) {
    throw new InputError(path, 'addon of images (resize, dense CRF, PAR) does not load', { expected, cause })
  }
  return loaded
}

/** What the addon throws, with the field it names, as an InputError of `name`. */
export function namedError(cause: unknown, name: string): unknown {
  if (!(cause instanceof Error && 'field' in cause && typeof cause.field === 'string')) return cause
  return new InputError(name, cause.message, { field: cause.field, cause })
}

/** The given threads; else TAGMASK_THREADS, or the number of processors. Throws InputError. */
export function addonThreads(given: number | undefined, name: string): number {
  const threads =
    given === undefined ? defaultThreads() : checkThreads(given, { source: name, field: 'threads' })
  return Math.min(threads, 256) // the addon's own limit
}
