/** @file One input: made, read, judged. */
import { InputError } from '../../src/errors.ts'
import { diceOf } from './dice.ts'
import type { MemoryGauge, MemoryUse } from './memory.ts'
import { mutateBytes } from './mutate-bytes.ts'
import { mutateText } from './mutate-text.ts'
import { type FuzzedReader, MOST_FACTOR, MOST_SECONDS, SPARE } from './reader.ts'

export interface Trial extends MemoryUse {
  readonly accepted: boolean
  /** By the clock that was given. */
  readonly seconds: number
  /** Why it is a failure. */
  readonly problem?: string
}

const LONGEST_MESSAGE = 13_000 // src/errors.ts

/** Input `input` of a run. */
export function makeInput(
  { words, wrap }: FuzzedReader,
  seeds: readonly Uint8Array[],
  { seed, input }: { seed: number; input: number },
): Uint8Array {
  const roll = diceOf(seed, input)
  const bytes = words === undefined ? mutateBytes(seeds, roll) : mutateText(seeds, { words, roll })
  return wrap === undefined ? bytes : wrap(bytes, roll)
}

/** Bytes that an input of this size may take. */
export function mostMemory({ factor = MOST_FACTOR, spare = SPARE }: FuzzedReader, size: number): number {
  return factor * size + spare * 2 ** 20
}

/** Reads once and says whether all was well; `clock` tells seconds. */
export async function attempt(
  reader: FuzzedReader,
  { path, folder, size }: { path: string; folder: string; size: number },
  { gauge, clock }: { gauge: MemoryGauge; clock: () => number },
): Promise<Trial> {
  gauge.start()
  const before = clock()
  let accepted = true
  let problem: string | undefined
  try {
    await reader.read(path)
  } catch (error) {
    accepted = false
    problem = problemOf(error, folder)
  }
  const seconds = clock() - before
  const memory = gauge.stop()
  const most = mostMemory(reader, size)
  if (seconds > MOST_SECONDS) problem ??= `took ${seconds.toFixed(1)} s`
  for (const [kind, bytes] of Object.entries(memory))
    if (bytes > most) problem ??= `took ${(bytes / 2 ** 20).toFixed()} MiB (${kind}) for ${size} bytes`
  return { ...memory, accepted, seconds, ...(problem !== undefined && { problem }) }
}

/** Undefined for an error as it should be. */
function problemOf(error: unknown, folder: string): string | undefined {
  if (!(error instanceof InputError))
    return `threw no InputError: ${error instanceof Error ? error.stack : String(error)}`
  if (!error.message.includes(folder)) return `an error that does not name the file: ${error.message}`
  return error.message.length > LONGEST_MESSAGE
    ? `a message of ${error.message.length} characters`
    : undefined
}
