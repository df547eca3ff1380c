/** @file Fits the batches of a recipe to a small data set, before the first step of a run. Imports no torch. */
import { totalmem } from 'node:os'
import { type Dataset, tagged } from '../../data/dataset.ts'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { IGNORE, UNSURE } from '../../io/label-values.ts'
import { type Log, silentLog } from '../../train/log.ts'
import { flattenKeys } from '../recipe/compare.ts'
import type { ChosenKeys } from '../recipe/load.ts'
import { methodOf } from '../recipe/method.ts'
import { applyOverrides, type Override } from '../recipe/overrides.ts'
import type { Recipe } from '../recipe/schema.ts'
import { trainingsOf } from '../stages/list.ts'
import { train } from '../stages/train/index.ts'
import { batchesOf, lengthOf } from '../training/training-length.ts'
import { hasStage, type TrainingPlan } from './stage.ts'

export interface FitOptions {
  /** The training images. */
  readonly dataset: Dataset
  /** Keys set by the user; undefined for the resolved recipe of a run, which is checked and not changed. */
  readonly chosen: ChosenKeys | undefined
  readonly log: Log
}

const BATCHES = 6 // in an epoch of a small data set
/** With fewer batches in an epoch the batch size is reduced: that of a bundled recipe, or that of the user's. */
const FEW = { ours: 8, theirs: 2 }

/**
 * Reduces the batch size of each training where the data set has few batches, and logs it; a batch size given by --set
 * stays. Fitting a fitted recipe changes nothing. Throws InputError naming the key of a batch that cannot be filled or
 * does not fit into memory, or of a training too short for its method.
 */
export function fitRecipe(recipe: Recipe, { dataset, chosen, log }: FitOptions): Recipe {
  const images = tagged(dataset).length
  const fit = fitBatches(recipe, { images, chosen, log })
  for (const training of trainingsOf(fit)) check(training, images)
  checkLabels(fit, dataset.classes.length)
  if (chosen !== undefined && hasStage(train, fit)) checkLength(fit, images)
  return fit
}

/** The batches alone, for so many images; nothing is checked. */
export function fitBatches(
  recipe: Recipe,
  { images, chosen, log }: Omit<FitOptions, 'dataset'> & { readonly images: number },
): Recipe {
  const changes = trainingsOf(recipe).flatMap(training => fitted(training, { images, chosen, log }))
  return applyOverrides(recipe, changes) as Recipe
}

/** The steps of the stage train must suffice for its method. */
function checkLength(recipe: Recipe, images: number): void {
  const batches = batchesOf(images, recipe.train)
  const { unit, count } = lengthOf(recipe.train, { batches, title: 'train', log: silentLog() })
  const steps = unit === 'steps' ? count : count * batches
  const [problem] = methodOf(recipe).checkLength?.(recipe, steps) ?? []
  if (problem === undefined) return
  const field = problem.path.join('.')
  const value = flattenKeys(recipe).get(field)
  const [text, expected] = problem.message.split('; ') as [string, string]
  throw new InputError(field, `is ${String(value)}, and ${text}`, { expected })
}

/** Keys fitted to the number of images and not set by the user: more images may change them in an existing run. */
export function keysToFit(recipe: Recipe, { chosen }: Pick<FitOptions, 'chosen'>): Set<string> {
  if (chosen === undefined) return new Set()
  const keys = trainingsOf(recipe).flatMap(({ section }) => [`${section}.batchSize`, `${section}.dropLast`])
  return new Set(keys.filter(key => !chosen.set.has(key) && (chosen.bundled || !chosen.written.has(key))))
}

function fitted(
  { section, batchSize, dropLast }: TrainingPlan,
  { images, chosen, log }: { images: number; chosen: ChosenKeys | undefined; log: Log },
): Override[] {
  const key = `${section}.batchSize`
  if (chosen === undefined || chosen.set.has(key)) return []
  const few = chosen.bundled || !chosen.written.has(key) ? FEW.ours : FEW.theirs
  if (images === 0 || images >= few * batchSize) return []
  const size = Math.max(1, Math.min(batchSize, Math.floor(images / BATCHES)))
  const keepsLast = dropLast && !chosen.set.has(`${section}.dropLast`)
  const changes = [
    ...(size === batchSize ? [] : [override(section, 'batchSize', size)]),
    ...(keepsLast ? [override(section, 'dropLast', false)] : []),
  ]
  const batches = size === batchSize ? `batches of ${size}` : `batches of ${size} instead of ${batchSize}`
  const all = keepsLast ? '; none is left out of an epoch' : ''
  if (changes.length > 0)
    log.info(
      `${section}: ${batches}, since there ${images === 1 ? 'is 1 image' : `are ${images} images`}${all}`,
    )
  return changes
}

function check(
  { section, batchSize, dropLast, side, sideKey, views = 1 }: TrainingPlan,
  images: number,
): void {
  if (dropLast && images < batchSize && images > 0) {
    throw new InputError(
      `${section}.batchSize`,
      `is ${batchSize}, and ${count(images, 'image', 'has')} a tag`,
      {
        expected: `at most ${images}; a recipe without it has its batches fitted to the images`,
      },
    )
  }
  const bytes = SLOTS * batchSize * views * (3 * side ** 2 * Float32Array.BYTES_PER_ELEMENT)
  if (bytes <= totalmem() / 2) return
  throw new InputError(
    `${section}.batchSize`,
    `${batchSize} images of ${side} x ${side} pixels are too many: the prefetched batches alone take ${(bytes / 1e9).toFixed(1)} GB`,
    {
      expected: `half of this machine's memory is ${(totalmem() / 2e9).toFixed(1)} GB: lower it or ${sideKey}`,
    },
  )
}

const OF_TAGS = new Set(['autoencoder', 'train']) // trainings that see no label map

/** The labels of AffinityNet and segmentation are bytes; 255 is ignored, and 254 is unsure with refine.sure. */
function checkLabels(recipe: Recipe, classes: number): void {
  const { segment, refine } = recipe
  const most = segment !== null && refine.sure !== null ? UNSURE - 1 : IGNORE - 1
  const section = trainingsOf(recipe).find(({ section }) => !OF_TAGS.has(section))?.section
  if (section === undefined || classes <= most) return
  throw new InputError(section, `cannot learn ${classes} classes`, {
    expected: `at most ${most}${most < UNSURE ? ', since refine.sure uses one label' : ''}: leave the section out, or some classes`,
  })
}

const SLOTS = 4 // batches in memory at a time

function override(section: string, key: string, value: unknown): Override {
  return { path: [...section.split('.'), key], value, source: 'the images at hand' }
}
