/** @file The inputs of a stage: keys, contents of files, results of the stages before it. Imports no torch. */
import type { Dataset } from '../../data/dataset.ts'
import type { MaskReading } from '../../data/sample.ts'
import { flattenKeys, isNeutralKey } from '../recipe/compare.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { FileContents } from './file-contents.ts'
import { hashOf } from './file-origin.ts'
import { hasStage, type StageDefinition, type StageImage, type StageName, type StageSets } from './stage.ts'
import { isWeightKey, weightFileOf } from './weight-files.ts'

/** Sources of the inputs of a run's stages. */
export interface InputSources extends StageSets {
  readonly contents: FileContents
  /** Finished stages: `id` of their result, `revision` of their last work. */
  readonly made: ReadonlyMap<StageName, { readonly id: string; readonly revision: string }>
}

/** By name, a hash of each thing; `base` and `soft` as in ByPart. */
export interface StageInputs {
  readonly keys: Readonly<Record<string, unknown>>
  readonly base: Readonly<Record<string, string>>
  readonly soft: Readonly<Record<string, string>>
}

/** Without paths of data and names of weight files, whose contents count instead. */
function keysOf({ sections, notKeys }: StageDefinition, recipe: Recipe): Record<string, unknown> {
  const entries = sections(recipe)
    .flatMap(section => [...flattenKeys({ [section]: recipe[section as keyof Recipe] })])
    .filter(([key]) => !isNeutralKey(key) && !isWeightKey(key) && !notKeys?.test(key))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries)
}

/** The images that a stage's result depends on. */
export function imagesOf(stage: StageDefinition, sets: StageSets): StageImage[] {
  const all = (stage.images?.(sets).base ?? []).flatMap(({ split, samples }) =>
    samples.map(({ id, image }) => ({ key: `${split}/${id}`, split, id, file: image })),
  )
  return [...new Map(all.map(image => [image.key, image])).values()]
}

/** Every file of the data set that one of the stages reads. */
export function filesOf(stages: readonly StageDefinition[], sets: StageSets): string[] {
  const both = <T>(parts: { base?: readonly T[]; soft?: readonly T[] } = {}): T[] => [
    ...(parts.base ?? []),
    ...(parts.soft ?? []),
  ]
  const files = stages.flatMap(stage => [
    ...both(stage.images?.(sets)).flatMap(({ samples }) => samples.map(({ image }) => image)),
    ...both(stage.masks?.(sets)).flatMap(({ samples }) =>
      samples.flatMap(({ mask }) => (mask === undefined ? [] : [mask])),
    ),
  ])
  return [...new Set(files)]
}

/** The current inputs of a stage, without `imagesOf`, which are compared one by one. */
export function stageInputs(stage: StageDefinition, sources: InputSources): StageInputs {
  const { recipe, contents, made } = sources
  const keys = keysOf(stage, recipe)
  const [sets, masks, before] = [
    stage.images?.(sources) ?? {},
    stage.masks?.(sources) ?? {},
    stage.before(recipe),
  ]
  const parts = (part: 'base' | 'soft', of: 'id' | 'revision'): Record<string, string> => ({
    ...(sets[part]?.length && { tags: hash(sets[part].map(tagsOf)) }),
    ...(masks[part]?.length && { masks: hash(masks[part].map(set => masksOf(set, contents))) }),
    ...Object.fromEntries(
      (before[part] ?? [])
        .filter(one => hasStage(one, recipe))
        .map(({ name }) => [`stage ${name}`, made.get(name)?.[of] ?? 'not done']),
    ),
  })
  const file = weightFileOf(stage, recipe)
  return {
    keys,
    base: {
      keys: hash(keys),
      classes: hash(sources.dataset.classes),
      ...(file !== undefined && { 'weight file': contents.of(file) }),
      ...parts('base', stage.tellsOfStages ? 'revision' : 'id'),
    },
    soft: {
      ...parts('soft', 'revision'),
      ...(sets.soft?.length && {
        images: hash(sets.soft.map(({ samples }) => samples.map(({ image }) => contents.of(image)))),
      }),
      ...stage.soft?.(recipe),
    },
  }
}

function tagsOf({ split, samples }: Dataset): unknown {
  return [split, samples.map(({ id, tags }) => [id, tags])]
}

function masksOf({ split, samples }: Dataset, contents: FileContents): unknown {
  const tables = new Map<MaskReading, string>() // masks of a set share one reading
  const tableOf = (reading: MaskReading): string => {
    const known = tables.get(reading) ?? hash([reading.by, ...reading.labels])
    tables.set(reading, known)
    return known
  }
  return [
    split,
    samples.map(({ id, mask, drawn, tags, maskReading, maskRotated = false }) =>
      mask === undefined
        ? [id]
        : [
            id,
            contents.of(mask),
            maskRotated,
            maskReading === undefined ? null : [tableOf(maskReading), tags],
            ...(drawn === undefined ? [] : [drawn.crowds, drawn.regions.map(({ label }) => label)]),
          ],
    ),
  ]
}

/** Short hash of a JSON value. */
export function hash(value: unknown): string {
  return hashOf(JSON.stringify(value)).slice(0, 32)
}
