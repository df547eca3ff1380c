/** @file What a stage wrote down as JSON, read by a later one. Imports no torch. */
import { readFile } from 'node:fs/promises'
import { InputError } from '../../errors.ts'
import type { StageName } from './stage.ts'

/** Throws InputError that names the file and the stage to run again. */
export async function readStageFile<T>(path: string, stage: StageName): Promise<T> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch (cause) {
    throw new InputError(path, 'is missing or damaged', {
      expected: `run the stage ${stage} again: tagmask ${stage} RUN --force`,
      cause,
    })
  }
}
