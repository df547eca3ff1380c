/** @file When a stage has lost too many of its images to count as done. Imports no torch. */
import { InputError } from '../errors.ts'
import type { Log } from '../train/log.ts'

export interface LostImages {
  /** Name of the work, before the message. */
  readonly title: string
  /** Images that it could not use, and images that it was given. */
  readonly lost: number
  readonly total: number
  /** Largest share that may be lost, `data.maxLost` of the recipe. */
  readonly maxLost: number
  readonly log: Log
}

/**
 * Says in one line how many images were lost. Throws InputError when they are all of them or more than the share
 * `maxLost`: the stage is then not done, and what it has made stays for the next try.
 */
export function refuseLostImages({ title, lost, total, maxLost, log }: LostImages): void {
  if (lost === 0) return
  if (lost < total && lost <= maxLost * total) {
    log.warn(`${title}: ${lost} of ${total} images could not be used; the lines above name them`)
    return
  }
  throw new InputError(title, `${lost} of ${total} images could not be used; the lines above name them`, {
    field: 'data.maxLost',
    expected: `at most ${Math.round(100 * maxLost)} % may be lost: is their folder there and readable? Mend the files and give the same command, or raise data.maxLost`,
  })
}
