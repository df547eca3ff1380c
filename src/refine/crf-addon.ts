/** @file Finds and types the dense CRF addon (native/crf). Imports errors only. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { InputError } from '../errors.ts'
import { addonFile, setupCommand } from '../io/package-root.ts'

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

interface CrfAddon {
  infer(request: CrfRequest): Promise<Float32Array>
}

let loaded: CrfAddon | undefined

/** The addon, loaded at the first call. Throws InputError when the set-up has not built it. */
export function crfAddon(): CrfAddon {
  if (loaded !== undefined) return loaded
  const path = addonFile('crf/tagmask_crf.node')
  const expected = `run: ${setupCommand()}`
  if (!existsSync(path)) throw new InputError(path, 'dense CRF addon not built', { expected })
  try {
    loaded = createRequire(import.meta.url)(path) as CrfAddon
  } catch (cause) {
    throw new InputError(path, 'dense CRF addon does not load', { expected, cause })
  }
  return loaded
}
