/** @file The weights that a golden file's numbers were made with. */
import { dirname, join } from 'node:path'
import { InputError } from '../../src/errors.ts'
import type { TensorData } from '../../src/io/tensor-data.ts'
import { type Fixture, readFixture, tensorsUnder } from './fixture.ts'

/** `weights.*` of the file itself or of the file that `weightsFile` names in its folder. */
export async function weightsOf(fixture: Fixture, weightsFile?: string): Promise<Map<string, TensorData>> {
  const holder =
    weightsFile === undefined ? fixture : await readFixture(join(dirname(fixture.path), weightsFile))
  const weights = tensorsUnder(holder, 'weights.')
  if (weights.size === 0) throw new InputError(holder.path, 'holds no weights.*')
  return weights
}
