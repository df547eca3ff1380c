/** @file Thread counts of flags, recipes, TAGMASK_THREADS, loaders and the CRF. Torch-free. */
import { availableParallelism } from 'node:os'
import { InputError } from '../errors.ts'

/** Four for each processor; 16 on small machines, so that a recipe from a larger one still runs. */
export function threadLimit(): number {
  return Math.max(16, 4 * availableParallelism())
}

/** Returns `count`. Throws InputError naming `source` unless it is a whole number from 1 to threadLimit(). */
export function checkThreads(count: number, { source, field }: { source: string; field?: string }): number {
  if (Number.isInteger(count) && count >= 1 && count <= threadLimit()) return count
  throw refused(source, { found: String(count), ...(field !== undefined && { field }) })
}

/** TAGMASK_THREADS, if set. Throws InputError for what is no count. */
export function givenThreads(): number | undefined {
  const given = process.env.TAGMASK_THREADS?.trim()
  if (given === undefined || given === '') return undefined
  if (!/^\d+$/.test(given)) throw refused('TAGMASK_THREADS', { found: `'${given}'` })
  return checkThreads(Number(given), { source: 'TAGMASK_THREADS' })
}

/** As given, else the number of processors. */
export function defaultThreads(): number {
  return givenThreads() ?? availableParallelism()
}

function refused(source: string, { found, field }: { found: string; field?: string }): InputError {
  return new InputError(source, `is ${found}`, {
    ...(field !== undefined && { field }),
    expected: `expected a whole number from 1 to ${threadLimit()}, the most for ${availableParallelism()} processors`,
  })
}
