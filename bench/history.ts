/** @file bench/history.jsonl: a line for each row of each run, appended and never rewritten. Loads no libtorch. */
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { codeOf, InputError } from '../src/errors.ts'
import { explainWriteError } from '../src/io/atomic.ts'
import { packageRoot } from '../src/io/package-root.ts'
import { type Commit, commitOf } from './commit.ts'
import type { Machine } from './machine.ts'
import type { RowResult } from './row.ts'

const positive = z.number().gt(0)

const entrySchema = z.object({
  date: z.iso.datetime(),
  commit: z.string().min(1),
  dirty: z.boolean(),
  machine: z.object({
    processor: z.string(),
    cores: z.int().gt(0),
    threads: z.int().gt(0),
    libtorch: z.string(),
    blas: z.string(),
  }),
  device: z.string(),
  row: z.string().min(1),
  precision: z.enum(['fp32', 'bf16']).nullable(),
  value: positive,
  unit: z.string(),
  share: positive.nullable(),
  floor: z.string().nullable(),
  ratio: positive.nullable(),
  peer: z.string().nullable(),
  memory: positive.nullable(),
  busy: z.boolean(),
})

/** One row of one run. `busy`: others used the machine. */
export type Entry = Readonly<z.output<typeof entrySchema>>

/** What all rows of a run share. */
export interface RunOfRows extends Commit {
  readonly date: string
  readonly machine: Machine
  readonly device: string
}

export function entryOf(
  { row, precision, value, unit, share, floor, peer }: RowResult,
  { busy, ...run }: RunOfRows & { readonly busy: boolean },
): Entry {
  const { ratio = null, memory = null, name = null } = peer ?? {}
  return { ...run, row, precision, value, unit, share, floor, ratio, peer: name, memory, busy }
}

const HISTORY = 'bench/history.jsonl'

export interface History {
  /** Undefined outside of a git work tree. */
  readonly commit: Commit | undefined
  /** Undefined there, too, unless a file was given. */
  readonly path: string | undefined
  readonly entries: readonly Entry[]
}

/** The given file, or that of this work tree. Throws InputError for a broken line. */
export async function openHistory(file: string | undefined): Promise<History> {
  const root = packageRoot()
  const commit = commitOf(root, { but: HISTORY })
  const path = file ?? (commit === undefined ? undefined : join(root, HISTORY))
  return { commit, path, entries: path === undefined ? [] : await readHistory(path) }
}

/** Its entries, oldest first; none where there is no file. Throws InputError naming the first broken line. */
export async function readHistory(path: string): Promise<Entry[]> {
  return parseHistory(await textOf(path), path)
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return ''
    throw new InputError(path, `cannot be read (${codeOf(cause)})`, {
      expected: 'give a file of the benchmark',
      cause,
    })
  }
}

/** The entries of a text; `path` is named in errors. */
export function parseHistory(text: string, path: string): Entry[] {
  const lines = text.split('\n')
  const last = lines.pop()
  if (last !== '') throw broken(path, lines.length + 1, 'ends in the middle: no newline follows')
  return lines.map((line, i) => parseLine(line, { path, number: i + 1 }))
}

function parseLine(line: string, { path, number }: { path: string; number: number }): Entry {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw broken(path, number, 'is not JSON')
  }
  const read = entrySchema.safeParse(value)
  if (read.success) return read.data
  const { path: keys, message } = read.error.issues[0]!
  throw broken(path, number, `${keys.length === 0 ? 'is no measurement' : keys.join('.')}: ${message}`)
}

function broken(path: string, number: number, problem: string): InputError {
  return new InputError(path, problem, {
    field: `line ${number}`,
    expected: 'mend or remove that line (git restore brings back what was committed)',
  })
}

/**
 * Appends the entries in one write at the file's end, where several runs at once come one after another and no line is
 * lost. Throws InputError where it cannot be written, and then takes back what part of it was.
 */
export async function appendHistory(path: string, entries: readonly Entry[]): Promise<void> {
  const bytes = Buffer.from(entries.map(entry => `${JSON.stringify(entry)}\n`).join(''))
  if (bytes.length === 0) return
  const file = await open(path, 'a').catch((error: unknown) => {
    throw explainWriteError(path, error)
  })
  try {
    const { size } = await file.stat()
    const { bytesWritten } = await file.write(bytes)
    if (bytesWritten === bytes.length) return
    if ((await file.stat()).size === size + bytesWritten) await file.truncate(size)
    throw explainWriteError(path, Object.assign(new Error('a short write'), { code: 'ENOSPC' }))
  } catch (error) {
    throw error instanceof InputError ? error : explainWriteError(path, error)
  } finally {
    await file.close()
  }
}
