/** @file What the process that fuzzes is told, and what it tells. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What to do, as JSON in the first argument. */
export interface ChildTask {
  /** URL of a module that exports `READERS`. */
  readonly module: string
  readonly reader: string
  readonly folder: string
  readonly seed: number
  /** The first input. */
  readonly first: number
  readonly inputs: number
  readonly seconds: number
}

export interface Failure {
  readonly input: number
  readonly problem: string
  /** A copy of the file. */
  readonly kept: string
}

/** What came of the inputs so far. */
export interface Tally {
  readonly inputs: number
  readonly accepted: number
  /** Of processor time, with making and writing the inputs. */
  readonly cpu: number
  readonly slowest: { readonly input: number; readonly seconds: number }
  /** The input that took most memory beyond its size, by the kernel's count. */
  readonly largest: { readonly input: number; readonly bytes: number; readonly size: number }
  /** Memory of the reader's large file, where it has one. */
  readonly large: { readonly bytes: number; readonly size: number } | undefined
  /** The first of each kind; input -1 is the large file. */
  readonly failures: readonly Failure[]
}

/** Where a failing input is kept. */
export function keptPath({ reader, seed }: Pick<ChildTask, 'reader' | 'seed'>, input: number): string {
  return join(tmpdir(), `tagmask-fuzz-${reader.replaceAll(/\W+/g, '-')}-${seed}-${input}`)
}
