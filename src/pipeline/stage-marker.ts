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
import { INPUTS, STAGES, type StageName, stagesOf } from './stage.ts'

/** What a stage's marker says. */
export interface StageMarker {
  readonly stage: StageName
  readonly state: 'running' | 'done'
  /** Hash of the recipe's part, the data and the stages before. */
  readonly inputs: string
  readonly version: string
  readonly started: string
  readonly finished: string | null
  /** The run folder, seen from this one, that made the outputs. */
  readonly takenFrom?: string
}

/** The sections each stage reads besides those of the stages whose files it reads. */
const SECTIONS: Record<StageName, readonly (keyof Recipe)[]> = {
  train: ['method', 'model', 'weights', 'data', 'normalise', 'train', 'seed', 'precision'],
  maps: ['maps'],
  evaluate: ['evaluate'],
  affinity: ['affinity'],
  refine: ['refine'],
  segment: ['segment'],
  predict: ['predict'],
  report: ['report'],
}

/** Labels for a further round of segmentation are made as predictions are; weights chosen by masks are chosen as maps are made and scored. */
function sectionsOf(stage: StageName, { segment, train }: Recipe): readonly (keyof Recipe)[] {
  if (stage === 'train' && train.select === 'gt-miou') return [...SECTIONS.train, 'maps', 'evaluate']
  const predicts = stage === 'segment' && segment !== null && segment.retrain !== null
  return predicts ? [...SECTIONS.segment, 'predict'] : SECTIONS[stage]
}

/** What class maps by which weights are chosen do not depend on: they are made at scale 1 and scored at every threshold. */
const NOT_FOR_A_CHOICE = /^(maps\.(checkpoint|weights|scales|storage)|evaluate\.(threshold|sweep\..+))$/

/** For each stage, the hash of what its result depends on: its keys, the pictures and tags, the stages it rests on.
 * Keys that cannot change a result are left out; of a weight file, name and size count. */
export async function stageInputs(
  recipe: Recipe,
  datasets: readonly (Dataset | undefined)[],
): Promise<Record<StageName, string>> {
  const weights = await weightsIdentities(recipe)
  const data = hash([
    weights.get('weights') ?? null,
    datasets.map(dataset => (dataset === undefined ? null : datasetIdentity(dataset))),
  ])
  const own = stagesOf(recipe)
  const inputs: Partial<Record<StageName, string>> = {}
  for (const stage of STAGES) {
    const keys = sectionsOf(stage, recipe)
      .flatMap(section => [...flatten({ [section]: recipe[section] })])
      .filter(([key]) => stage !== 'train' || !NOT_FOR_A_CHOICE.test(key))
      .map(([key, value]) => [key, weights.get(key) ?? value] as const)
    inputs[stage] = hash([
      data,
      INPUTS[stage].filter(input => own.includes(input)).map(input => inputs[input]),
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

/** Keys of a recipe that name a weight file, and the flag that sets them. */
const WEIGHT_KEYS: readonly { readonly key: string; readonly flag: string }[] = [
  { key: 'weights', flag: '--weights' },
  { key: 'maps.weights', flag: '--checkpoint' },
  { key: 'affinity.weights', flag: '--set affinity.weights=FILE' },
  { key: 'segment.weights', flag: '--set segment.weights=FILE' },
]

/** Name and size of every weight file of the recipe, by its key. Throws InputError when there is no such file. */
export async function weightsIdentities(recipe: Recipe): Promise<Map<string, [string, number]>> {
  const values = flatten(recipe)
  const found = new Map<string, [string, number]>()
  for (const { key, flag } of WEIGHT_KEYS) {
    const path = values.get(key)
    if (typeof path === 'string') found.set(key, await fileIdentity(path, { key, flag }))
  }
  return found
}

async function fileIdentity(
  path: string,
  { key, flag }: { key: string; flag: string },
): Promise<[string, number]> {
  const expected = `give a .safetensors or .pth file with ${flag}`
  const file = await stat(path).catch((cause: unknown) => {
    throw new InputError(path, 'there is no such weight file', { field: key, expected, cause })
  })
  if (file.isFile()) return [basename(path), file.size]
  throw new InputError(path, 'is a folder', { field: key, expected })
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
}
