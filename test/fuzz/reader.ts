/** @file What the fuzzer needs to know of a reader. */
import type { Dice } from './dice.ts'

/** Inputs of a reader in the tests. */
export const INPUTS = 20_000

/** Seconds of processor time that one input may take. */
export const MOST_SECONDS = 1

/** Memory that one input may take: so many times its size, and `spare` of its reader. */
export const MOST_FACTOR = 10

export interface FuzzedReader {
  readonly name: string
  /** Good files, which are accepted as they are: by real writers, or by hand. */
  readonly seeds: () => Promise<readonly Uint8Array[]> | readonly Uint8Array[]
  /** Reads the file; throws nothing but InputError that names it. May check what it got: any other error is a failure. */
  readonly read: (path: string) => unknown
  /** Path of the file in a folder of its own. */
  readonly file?: string
  /** Further names of the same file in its folder. */
  readonly links?: readonly string[]
  /** Other files in its folder, by path. */
  readonly beside?: Readonly<Record<string, string | Uint8Array>>
  /** For text formats: words that mean something there. */
  readonly words?: readonly string[]
  /** Makes the file out of mutated bytes, such as with checksums that fit, so that damage gets deeper. */
  readonly wrap?: (bytes: Buffer, roll: Dice) => Uint8Array
  /** A good file of megabytes, beside which `spare` is little: read once, for the factor alone. */
  readonly large?: () => Promise<Uint8Array> | Uint8Array
  /** Fewer where each takes long, and why. */
  readonly inputs?: number
  /** Where it must be more than MOST_FACTOR, and why. */
  readonly factor?: number
  /** MiB beside the factor. */
  readonly spare?: number
}

/** Default of `spare`: what V8 takes until it collects. */
export const SPARE = 16
