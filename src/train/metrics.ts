/** @file metrics.jsonl: one JSON record a line, appended. A torn last line (power cut, kill) never hurts. Imports errors and io. */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { InputError } from '../errors.ts'
import { explainWriteError, writeFileAtomic } from '../io/atomic.ts'
import { type Position, START } from './position.ts'

/** One line. `kind` says which: "step", "epoch", "validation"; `step` counts optimiser steps from 0. */
export interface MetricsRecord {
  readonly kind: string
  readonly step: number
  readonly [name: string]: number | string | null
}

export interface MetricsWriter {
  append(record: MetricsRecord): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the file for appending. With `resume`, records written after that checkpoint (of that step and later, of the end of
 * that epoch, of a later validation) and a torn last line are dropped first: a resumed run leaves the same file as one never
 * stopped.
 */
export async function openMetrics(
  path: string,
  { resume = START }: { resume?: Pick<Position, 'step' | 'epoch' | 'validated'> } = {},
): Promise<MetricsWriter> {
  const kept = (await readMetrics(path)).filter(
    ({ step, kind, epoch }) =>
      step < (kind === 'validation' ? resume.validated : resume.step) &&
      (kind !== 'epoch' || Number(epoch ?? -1) < resume.epoch),
  )
  await writeFileAtomic(path, kept.map(toLine).join(''))
  const file: FileHandle = await open(path, 'a')
  return {
    async append(record) {
      try {
        await file.write(toLine(record))
      } catch (error) {
        throw explainWriteError(path, error)
      }
    },
    close: () => file.close(),
  }
}

/** All whole records; none when the file does not exist. Throws InputError for a broken line that is not the last. */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const lines = text.split('\n')
  const torn = lines.pop() // '' when the file ends with a newline
  const records = lines.filter(line => line !== '').map((line, i) => parseLine(line, `${path}:${i + 1}`))
  const last = torn === undefined || torn === '' ? undefined : tryParse(torn)
  return last === undefined ? records : [...records, last]
}

/** NaN and infinity have no JSON: they are written as null. */
function toLine(record: MetricsRecord): string {
  return `${JSON.stringify(record)}\n`
}

function parseLine(line: string, where: string): MetricsRecord {
  const record = tryParse(line)
  if (record !== undefined) return record
  throw new InputError(where, 'is not a record of metrics', {
    expected: 'every line is a JSON object with kind and step; delete the line',
  })
}

function tryParse(line: string): MetricsRecord | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is MetricsRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    typeof value.kind === 'string' &&
    'step' in value &&
    typeof value.step === 'number'
  )
}
