/** @file What the result of each stage depends on: keys, contents of files, the making of the stages before it. Imports no torch. */
import { createHash } from 'node:crypto'
import type { Dataset } from '../data/dataset.ts'
import type { MaskReading } from '../data/picture.ts'
import type { FileContents } from './file-contents.ts'
import { flatten, isNeutralKey } from './recipe/compare.ts'
import { walks } from './recipe/refine.ts'
import type { Recipe } from './recipe/schema.ts'
import { type StageName, stagesOf } from './stage.ts'
import { WEIGHT_KEYS, weightFileOf } from './weight-files.ts'

/** What is known of a run when its stages are compared with their markers. */
export interface InputSources {
  readonly recipe: Recipe
  readonly dataset: Dataset
  readonly valDataset: Dataset | undefined
  /** The images whose maps are scored. */
  readonly scored: Dataset
  readonly contents: FileContents
  /** Of the stages before, as far as they are done: what they made, and when they last worked. */
  readonly made: ReadonlyMap<StageName, { readonly id: string; readonly revision: string }>
}

/** By name, a hash of each thing. `base`: with another nothing that is there may stay. `soft`: with another what is there stays, and what rests on it is made again. */
export interface StageInputs {
  readonly keys: Readonly<Record<string, unknown>>
  readonly base: Readonly<Record<string, string>>
  readonly soft: Readonly<Record<string, string>>
}

/** An image that a stage reads. */
export interface StageImage {
  /** SPLIT/ID: one id may be in two splits. */
  readonly key: string
  readonly id: string
  readonly file: string
}

type Part = 'base' | 'soft'

/** The sections each stage reads besides those of the stages whose files it reads. */
const SECTIONS: Record<StageName, readonly (keyof Recipe)[]> = {
  train: ['method', 'model', 'data', 'normalise', 'train', 'seed', 'precision'],
  maps: ['maps', 'memory'],
  evaluate: ['evaluate'],
  affinity: ['affinity'],
  refine: ['refine'],
  segment: ['segment'],
  predict: ['predict', 'memory'],
  report: ['report'],
}

/** What stands in the recipe for the stage train where there is none: the network whose weights maps.weights names. */
const PUBLISHED: Partial<Record<StageName, readonly (keyof Recipe)[]>> = {
  maps: ['method', 'model', 'normalise', 'precision'],
  affinity: ['seed', 'precision'],
  segment: ['seed', 'precision'],
}

/** Labels for a further round of segmentation are made as predictions are; weights chosen by masks are chosen as maps are made and scored. */
function sectionsOf(stage: StageName, recipe: Recipe): readonly (keyof Recipe)[] {
  const { segment, train, refine } = recipe
  const published = stagesOf(recipe).includes('train') ? [] : (PUBLISHED[stage] ?? [])
  const own = [...SECTIONS[stage], ...published]
  if (stage === 'train' && train.select === 'gt-miou') return [...own, 'maps', 'evaluate', 'memory']
  if (stage === 'refine' && refine.background === 'sweep') return [...own, 'evaluate']
  const predicts = stage === 'segment' && segment !== null && segment.retrain !== null
  return predicts ? [...own, 'predict', 'memory'] : own
}

/** What a stage's sections hold that does not reach it. Weights are chosen by maps made at scale 1 and scored at every threshold. */
const NOT_FOR: Partial<Record<StageName, RegExp>> = {
  train: /^(maps\.(checkpoint|weights|scales|storage)|evaluate\.(threshold|sweep\..+))$/,
  refine: /^evaluate\.(threshold|split)$/,
}

/** Paths of data and names of weight files say nothing: what is in them counts. */
function keysOf(stage: StageName, recipe: Recipe): Record<string, unknown> {
  const files = new Set(WEIGHT_KEYS.map(({ key }) => key))
  const entries = sectionsOf(stage, recipe)
    .flatMap(section => [...flatten({ [section]: recipe[section] })])
    .filter(([key]) => !isNeutralKey(key) && !files.has(key) && !NOT_FOR[stage]?.test(key))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries)
}

/** The stages whose making counts; of the report, when they last worked. */
function stagesBefore(stage: StageName, recipe: Recipe): Record<Part, readonly StageName[]> {
  switch (stage) {
    case 'train':
      return { base: [], soft: [] }
    case 'maps':
      return { base: ['train'], soft: [] }
    case 'evaluate':
    case 'affinity':
      return { base: ['maps'], soft: [] }
    case 'refine':
      return recipe.refine.method === 'none'
        ? { base: ['maps', 'evaluate'], soft: [] }
        : { base: ['maps', 'affinity'], soft: ['evaluate'] }
    case 'segment':
      return { base: ['train', 'refine'], soft: [] }
    case 'predict':
      return { base: ['segment'], soft: ['evaluate'] }
    case 'report':
      return { base: stagesOf(recipe).filter(name => name !== 'report'), soft: [] }
  }
}

type Sources = Pick<InputSources, 'recipe' | 'dataset' | 'valDataset' | 'scored'>

/** The sets whose images and tags a stage reads. */
function setsRead(stage: StageName, sources: Sources): Record<Part, readonly Dataset[]> {
  const { recipe, dataset, valDataset, scored } = sources
  const { train, predict, refine } = recipe
  const tagged = { ...dataset, pictures: dataset.pictures.filter(({ tags }) => tags.length > 0) }
  const val = valDataset === undefined ? [] : [valDataset]
  const predicted = valDataset === undefined ? [dataset] : predict.trainSplit ? [...val, dataset] : val
  switch (stage) {
    case 'train': {
      const judged = train.validateEvery > 0
      const chosen = judged && train.select === 'gt-miou' ? [scored] : []
      return { base: [tagged, ...(judged ? val : []), ...chosen], soft: [] }
    }
    case 'maps':
    case 'affinity':
    case 'segment':
      return { base: [tagged], soft: [] }
    case 'refine':
      return { base: refine.method === 'crf' || walks(refine) ? [tagged] : [], soft: [] }
    case 'evaluate':
      return { base: [], soft: [] }
    case 'predict':
      return { base: predicted, soft: [scored] }
    case 'report':
      return { base: [scored, ...val], soft: [] }
  }
}

/** The sets whose masks a stage chooses by (base) or only scores by (soft). */
function masksRead(stage: StageName, sources: Sources): Record<Part, readonly Dataset[]> {
  const { recipe, scored } = sources
  const { train, refine, segment } = recipe
  switch (stage) {
    case 'train':
      return {
        base: train.validateEvery > 0 && train.select === 'gt-miou' ? [scored] : [],
        soft: [],
      }
    case 'evaluate':
      return { base: [scored], soft: [] }
    case 'refine': {
      if (refine.method === 'none') return { base: [], soft: [] }
      return refine.background === 'sweep' ? { base: [scored], soft: [] } : { base: [], soft: [scored] }
    }
    case 'segment':
      return { base: [], soft: segment?.retrain == null ? [] : [scored] }
    case 'predict':
      return { base: [], soft: setsRead('predict', sources).base }
    case 'report':
      return { base: setsRead('report', sources).base, soft: [] }
    case 'maps':
    case 'affinity':
      return { base: [], soft: [] }
  }
}

/** The images on which what a stage makes rests. */
export function imagesOf(stage: StageName, sources: Sources): StageImage[] {
  const all = setsRead(stage, sources).base.flatMap(({ split, pictures }) =>
    pictures.map(({ id, image }) => ({ key: `${split}/${id}`, id, file: image })),
  )
  return [...new Map(all.map(image => [image.key, image])).values()]
}

/** Every file of the data set that one of the stages reads. */
export function filesOf(stages: readonly StageName[], sources: Sources): string[] {
  const files = new Set<string>()
  for (const stage of stages) {
    const [sets, masks] = [setsRead(stage, sources), masksRead(stage, sources)]
    for (const { pictures } of [...sets.base, ...sets.soft])
      for (const { image } of pictures) files.add(image)
    for (const { pictures } of [...masks.base, ...masks.soft])
      for (const { mask } of pictures) if (mask !== undefined) files.add(mask)
  }
  return [...files]
}

/** What a stage depends on now, but for the images on which what it makes rests: those are compared one by one. */
export function stageInputs(stage: StageName, sources: InputSources): StageInputs {
  const { recipe, contents, made } = sources
  const keys = keysOf(stage, recipe)
  const sets = setsRead(stage, sources)
  const masks = masksRead(stage, sources)
  const before = stagesBefore(stage, recipe)
  const own = stagesOf(recipe)
  const parts = (part: Part, of: 'id' | 'revision'): Record<string, string> => ({
    ...(sets[part].length > 0 && { tags: hash(sets[part].map(tagsOf)) }),
    ...(masks[part].length > 0 && { masks: hash(masks[part].map(set => masksOf(set, contents))) }),
    ...Object.fromEntries(
      before[part]
        .filter(name => own.includes(name))
        .map(name => [`stage ${name}`, made.get(name)?.[of] ?? 'not done']),
    ),
  })
  const file = weightFileOf(stage, recipe)
  return {
    keys,
    base: {
      keys: hash(keys),
      classes: hash(sources.dataset.classes),
      ...(file !== undefined && { 'weight file': contents.of(file) }),
      ...parts('base', stage === 'report' ? 'revision' : 'id'),
    },
    soft: {
      ...parts('soft', 'revision'),
      ...(sets.soft.length > 0 && {
        images: hash(sets.soft.map(({ pictures }) => pictures.map(({ image }) => contents.of(image)))),
      }),
      ...(stage === 'predict' && { shown: String(recipe.report.pictures) }),
    },
  }
}

function tagsOf({ split, pictures }: Dataset): unknown {
  return [split, pictures.map(({ id, tags }) => [id, tags])]
}

function masksOf({ split, pictures }: Dataset, contents: FileContents): unknown {
  const tables = new Map<MaskReading, string>() // masks of a set share one reading
  const tableOf = (reading: MaskReading): string => {
    const known = tables.get(reading) ?? hash([reading.by, ...reading.labels])
    tables.set(reading, known)
    return known
  }
  return [
    split,
    pictures.map(({ id, mask, tags, maskReading, maskTurned = false }) =>
      mask === undefined
        ? [id]
        : [
            id,
            contents.of(mask),
            maskTurned,
            maskReading === undefined ? null : [tableOf(maskReading), tags],
          ],
    ),
  ]
}

/** Short, of anything that JSON can hold. */
export function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
}
