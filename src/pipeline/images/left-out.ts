/** @file Images that a stage leaves out, reported at its end, a line for each cause. Imports no torch. */
import { sample } from '../../data/listing.ts'
import { InputError } from '../../errors.ts'
import type { Log } from '../../train/log.ts'
import { byCause } from './lost-images.ts'

export interface LeftOut {
  readonly count: number
  /** Rethrows the error when it is no InputError, or under `strict`. */
  add(id: string, error: unknown): void
  /** `what`: what they are left out of, as in "the scores". */
  tell(log: Log, what: string): void
}

export function collectLeftOut({ strict }: { strict: boolean }): LeftOut {
  const errors: [string, InputError][] = []
  return {
    get count() {
      return errors.length
    },
    add(id, error) {
      if (strict || !(error instanceof InputError)) throw error
      errors.push([id, error])
    },
    tell(log, what) {
      for (const { ids, first } of byCause(errors))
        log.warn(
          ids.length === 1
            ? `${ids[0]} is left out of ${what}: ${first.message}`
            : `${ids.length} images are left out of ${what} for one cause (${sample(ids)}): ${first.message}`,
        )
    },
  }
}
