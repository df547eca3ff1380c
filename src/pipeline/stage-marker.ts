/** @file stages/NAME.json: whether a stage is done, and a hash of everything its result depends on. */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Dataset } from '../data/dataset.ts'
import { InputError } from '../errors.ts'
import { writeFileAtomic } from '../io/atomic.ts'
import { flatten, isNeutralKey } from './recipe/compare.ts'
import type { Recipe } from './recipe/schema.ts'
import type { RunFolder } from './run-folder.ts'
import { INPUTS, STAGES, type StageName } from './stage.ts'

/** What a stage's marker says. */
export interface StageMarker {
  readonly stage: StageName
  readonly state: 'running' | 'done'
  /** Hash of the recipe's part, the data and the stages before. */
  readonly inputs: string
  readonly version: string
  readonly started: string
  readonly finished: string | null
}

/** The sections each stage reads besides those of the stages whose files it reads. */
const SECTIONS: Record<StageName, readonly (keyof Recipe)[]> = {
  train: ['method', 'model', 'weights', 'data', 'normalise', 'train', 'seed', 'precision'],
  maps: ['maps'],
  evaluate: ['evaluate'],
  report: ['report'],
}

/** For each stage, the hash of what its result depends on: its keys, the pictures and tags, the stages it rests on.
 * Keys that cannot change a result are left out; of a weight file, name and size count. */
export async function stageInputs(
  recipe: Recipe,
  datasets: readonly (Dataset | undefined)[],
): Promise<Record<StageName, string>> {
  const weights = recipe.weights === null ? null : await weightsIdentity(recipe.weights)
  const data = hash([
    weights,
    datasets.map(dataset => (dataset === undefined ? null : datasetIdentity(dataset))),
  ])
  const inputs: Partial<Record<StageName, string>> = {}
  for (const stage of STAGES) {
    const keys = SECTIONS[stage].flatMap(section => [...flatten({ [section]: recipe[section] })])
    inputs[stage] = hash([
      data,
      INPUTS[stage].map(input => inputs[input]),
      keys.filter(([key]) => !isNeutralKey(key) && key !== 'weights').sort(([a], [b]) => (a < b ? -1 : 1)),
    ])
  }
  return inputs as Record<StageName, string>
}

/** The marker of a stage, or undefined when it never began (or the marker cannot be read). */
export async function readMarker(run: RunFolder, stage: StageName): Promise<StageMarker | undefined> {
  const text = await readFile(markerPath(run, stage), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isMarker(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Writes the marker in one step. */
export async function writeMarker(run: RunFolder, marker: StageMarker): Promise<void> {
  await writeFileAtomic(markerPath(run, marker.stage), `${JSON.stringify(marker, null, 2)}\n`)
}

function markerPath(run: RunFolder, stage: StageName): string {
  return join(run.stages, `${stage}.json`)
}

function isMarker(value: unknown): value is StageMarker {
  return (
    typeof value === 'object' &&
    value !== null &&
    'state' in value &&
    'inputs' in value &&
    typeof value.inputs === 'string'
  )
}

function datasetIdentity({ classes, pictures }: Dataset): string {
  return hash([classes, pictures.map(({ id, tags }) => [id, tags])])
}

/** Name and size of a weight file. Throws InputError when there is none. */
export async function weightsIdentity(path: string): Promise<[string, number]> {
  const file = await stat(path).catch((cause: unknown) => {
    throw new InputError(path, 'there is no such weight file', {
      field: 'weights',
      expected: 'give a .safetensors or .pth file with --weights',
      cause,
    })
  })
  if (file.isFile()) return [basename(path), file.size]
  throw new InputError(path, 'is a folder', {
    field: 'weights',
    expected: 'give a .safetensors or .pth file with --weights',
  })
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
}
