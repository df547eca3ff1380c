/** @file The rows of the benchmark, in the order of the table. */
import { InputError } from '../../src/errors.ts'
import { nearestName } from '../../src/nearest-name.ts'
import type { Row } from '../row.ts'
import { cams } from './cams.ts'
import { dataCheck } from './data-check.ts'
import { dataLoading } from './data-loading.ts'
import { denseCrfs } from './dense-crf.ts'
import { maps } from './maps.ts'
import { pars } from './par.ts'
import { randomWalks } from './random-walk.ts'
import { readWeightFiles } from './read-weights.ts'
import { thresholdSweep } from './threshold-sweep.ts'
import { trainAfa } from './train-afa.ts'
import { trainCti } from './train-cti.ts'
import { trainMctformer, trainMctformerPlus } from './train-mctformer.ts'
import { trainSemformer } from './train-semformer.ts'
import { trainWeaktr } from './train-weaktr.ts'

export const ROWS: readonly Row[] = [
  trainMctformer,
  trainMctformerPlus,
  trainAfa,
  trainWeaktr,
  trainSemformer,
  trainCti,
  ...cams,
  maps,
  ...denseCrfs,
  ...pars,
  ...randomWalks,
  thresholdSweep,
  dataLoading,
  dataCheck,
  ...readWeightFiles,
]

const groupOf = ({ name }: Row): string => name.split('/')[0]!

/** The rows of these names or groups, in the order of the table; without names, all. Throws InputError for an unknown one. */
export function chosenRows(names: readonly string[]): readonly Row[] {
  const known = new Set(ROWS.flatMap(row => [groupOf(row), row.name]))
  const unknown = names.find(name => !known.has(name))
  if (unknown !== undefined) {
    const near = nearestName(unknown, known)
    throw new InputError('--only', `there is no row '${unknown}'`, {
      expected:
        near === undefined ? `rows: ${[...new Set(ROWS.map(groupOf))].join(', ')}` : `did you mean ${near}?`,
    })
  }
  return ROWS.filter(row => names.length === 0 || names.includes(row.name) || names.includes(groupOf(row)))
}
