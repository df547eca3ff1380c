/** @file What the readers of a data set find wrong: thrown at the first, or all kept by a reader that goes on. Imports errors only. */
import type { InputError } from '../errors.ts'

/** One fault of one file, as InputError has it. `field`: the line or place in the file; `expected`: what would be right. */
export interface Fault {
  readonly file: string
  readonly field?: string | undefined
  readonly problem: string
  readonly expected?: string | undefined
}

/** Entries that cannot be used. */
export type FaultKind =
  | 'absent-image'
  | 'unclear-name'
  | 'same-name'
  | 'bad-row'
  | 'unknown-class'
  | 'bad-annotation'
  | 'two-masks'

/** What is left out or read all the same. */
export type DoubtKind =
  | 'absent-image'
  | 'absent-mask'
  | 'unread-format'
  | 'left-out-file'
  | 'lost-annotation'
  | 'untagged'
  | 'no-split'
  | 'no-mask'
  | 'stray-mask'
  | 'unread-mask'
  | 'unread-keywords'
  | 'slip'

/** Passed down by the readers. */
export interface Problems {
  /** Entries that cannot be used: throws `error`, which may name several, or keeps `each` of them; the reader goes on without them. */
  fault(kind: FaultKind, error: InputError, each?: readonly Fault[]): void
  /** The warnings to give: `sentence`, which names some of the entries, or none where each of them is kept. */
  doubt(kind: DoubtKind, sentence: string, each: () => readonly Fault[]): string[]
}

/** Throws the first fault; says doubts in sentences. */
export const FIRST: Problems = {
  fault(_, error) {
    throw error
  },
  doubt: (_, sentence) => [sentence],
}
