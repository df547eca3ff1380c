/** @file Finds and types the addon of the dense CRF and of PAR (native/refine). Imports errors and io. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { InputError } from '../errors.ts'
import { addonFile, setupCommand } from '../io/package-root.ts'
import { checkThreads, defaultThreads } from '../io/thread-count.ts'

/** One image for the addon: exactly one of `energies`, `scores` and `labelMap`. */
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

interface RefineAddon {
  denseCrf(request: CrfRequest): Promise<Float32Array>
  /** On the calling thread and its team. */
  bilateralFilterNow(request: FilterRequest): Float32Array
  par(request: ParRequest): Promise<Float32Array>
  /** The same when it returns, images side by side on the threads of the first. */
  parNow(requests: readonly ParRequest[]): Float32Array[]
}

let loaded: RefineAddon | undefined

/** The addon, loaded at the first call. Throws InputError when the set-up has not built it. */
export function refineAddon(): RefineAddon {
  if (loaded !== undefined) return loaded
  const path = addonFile('refine/tagmask_refine.node')
  const expected = `run: ${setupCommand()}`
  if (!existsSync(path)) throw new InputError(path, 'addon of dense CRF and PAR not built', { expected })
  try {
    loaded = createRequire(import.meta.url)(path) as RefineAddon
  } catch (cause) {
    throw new InputError(path, 'addon of dense CRF and PAR does not load', { expected, cause })
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
