/** @file What can be known to go wrong later, before the first step: weight files, splits, masks, room on the disk. Imports no torch. */
import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Dataset } from '../data/dataset.ts'
import { InputError } from '../errors.ts'
import { readWeights } from '../io/weights.ts'
import type { Log } from '../train/log.ts'
import { openScoredSplit } from './open-data.ts'
import type { Recipe } from './recipe/schema.ts'
import { fromHere, type RunFolder } from './run-folder.ts'
import type { StageName } from './stage.ts'
import { readMarker } from './stage-marker.ts'
import { stagesOf } from './stages/list.ts'
import { weightFiles } from './weight-files.ts'

export interface PreflightOptions {
  readonly recipe: Recipe
  readonly dataset: Dataset
  readonly run: RunFolder
  /** Those that are to run. */
  readonly stages: readonly StageName[]
  readonly log: Log
}

/** Throws InputError for the first thing that would end a later stage; warns of what only may. Changes nothing. */
export async function preflight(options: PreflightOptions): Promise<void> {
  const weights = await weightFiles(options.recipe, stagesOf(options.recipe))
  await checkScoredSplit(options)
  await checkWeights(options, weights)
  await checkRoom(options)
}

/** The split whose maps are scored must be one that maps are made for, as far as it has masks. */
async function checkScoredSplit({ recipe, dataset, stages, log }: PreflightOptions): Promise<void> {
  const { split, pictures } = await openScoredSplit({ recipe, dataset })
  const masked = pictures.filter(({ mask }) => mask !== undefined)
  const mapped = new Set(dataset.pictures.filter(({ tags }) => tags.length > 0).map(({ id }) => id))
  if (masked.length > 0 && stages.includes('evaluate') && masked.every(({ id }) => !mapped.has(id))) {
    throw new InputError(
      'evaluate.split',
      `is ${split}: none of its ${masked.length} images with a mask is one that maps are made for`,
      {
        expected: `maps are made for the tagged images of data.split, ${dataset.split}`,
      },
    )
  }
  const sweeps = recipe.refine.method !== 'none' && recipe.refine.background === 'sweep'
  if (masked.length === 0 && sweeps && stages.includes('refine'))
    log.warn(
      `refine.background is sweep, and no image of ${split} has a mask to choose it by: a constant is taken`,
    )
}

/** Weight files are read whole: one that was cut short shows only then. */
async function checkWeights(
  { run, stages }: PreflightOptions,
  weights: Awaited<ReturnType<typeof weightFiles>>,
): Promise<void> {
  for (const { file, stage } of weights) {
    if (!stages.includes(stage)) continue
    const marker = await readMarker(run, stage)
    const first = stages[0] === stage // it reads the file at once
    if (!first && marker?.state !== 'done') await readWeights(file)
  }
}

const MAPS_PER_BYTE = 12 // bytes of maps for each of a JPEG: some 5 pixels, of 1.2 tags, in half precision
const SPARE = 500e6 // bytes for weights and their states

/** An estimate: maps take far more room than the photos. */
async function checkRoom({ dataset, run, stages, log }: PreflightOptions): Promise<void> {
  const free = await freeBytes(run.root)
  if (free === undefined) return
  const sizes = await Promise.all(
    dataset.pictures.map(({ image }) =>
      stat(image).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  const copies = ['maps', 'affinity', 'refine'].filter(stage => stages.includes(stage)).length
  const done = (await readMarker(run, 'maps'))?.state === 'done'
  const needed = SPARE + (done ? 0 : copies * MAPS_PER_BYTE * sizes.reduce((sum, size) => sum + size, 0))
  if (free >= needed) return
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
  log.warn(
    `about ${gigabytes(needed)} may be needed for ${fromHere(run.root)}, and ${gigabytes(free)} are free there`,
  )
}

/** On the disk of a folder, or of the one above it where it is not there yet; undefined where the system does not tell. */
async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch {
    const above = dirname(path)
    return above === path ? undefined : freeBytes(above)
  }
}
