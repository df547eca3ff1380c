/** @file Reads a JSON file of an earlier stage. Imports no torch. */
import { readFile, stat } from 'node:fs/promises'
import { InputError } from '../../errors.ts'
import type { StageName } from './stage.ts'

/** Throws InputError that names the file and the stage to rerun. */
export async function readStageFile<T>(path: string, stage: StageName): Promise<T> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch (cause) {
    throw new InputError(path, 'is missing or damaged', {
      expected: `rerun the stage ${stage}: tagmask ${stage} RUN --force`,
      cause,
    })
  }
}

/** Undefined for a file that no stage has made yet. Throws InputError for a damaged one. */
export async function readMadeFile<T>(path: string, stage: StageName): Promise<T | undefined> {
  const there = await stat(path).catch(() => undefined)
  return there === undefined ? undefined : readStageFile<T>(path, stage)
}
