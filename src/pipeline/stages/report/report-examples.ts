/** @file The example images of the report: the results of every stage, side by side. Imports no torch. */
import { join } from 'node:path'
import { InputError } from '../../../errors.ts'
import { readImage } from '../../../io/image.ts'
import { type LabelMap, readLabelMap } from '../../../io/indexed-png.ts'
import { camFile, readCams } from '../../images/cam-file.ts'
import { exists } from '../../images/image-pass.ts'
import type { LostImages } from '../../images/lost-images.ts'
import type { Column, Example } from '../../report/index.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'
import { predictionFile } from '../predict/prediction-file.ts'
import { pseudoMaskFile } from '../refine/pseudo-masks.ts'
import type { Choice, ChosenSet } from './examples.ts'
import { readableTruth } from './readable-truth.ts'

/** Reads one after another; unreadable ones are left out and added to `lost`, or thrown under `strict`. */
export async function* readExamples(
  context: StageContext,
  chosen: readonly ChosenSet[],
  { threshold, lost }: { threshold: number | undefined; lost: LostImages },
): AsyncGenerator<Example> {
  const { recipe, log, signal } = context
  const all = chosen.flatMap(({ set, choices }) => choices.map(choice => ({ choice, split: set.split })))
  const progress = log.progress({ title: 'report', total: all.length })
  try {
    for (const [i, { choice, split }] of all.entries()) {
      if (signal.aborted) throw new Interrupted('the report')
      try {
        yield await readExample(context, choice, { split, threshold })
      } catch (error) {
        if (recipe.strict || !(error instanceof InputError)) throw error
        lost.add(choice.sample, error)
      }
      progress.update(i + 1)
    }
  } finally {
    progress.finish()
  }
}

/** Photo, CAMs, seed, pseudo mask, prediction, as far as they exist, and with a ground-truth mask also that and the mistakes of the last. */
async function readExample(
  context: StageContext,
  { sample, note }: Choice,
  { split, threshold }: { split: string; threshold: number | undefined },
): Promise<Example> {
  const { id, tags } = sample
  const image = await readImage(sample.image)
  const names = (k: number) => context.dataset.classes[k] ?? `class ${k}`
  const masks = await stageMasks(context, id, split)
  const truth = await readableTruth(sample, image)
  const last = masks.at(-1)
  const columns: Column[] = [
    { kind: 'photo', title: 'photo' },
    ...(await camColumns(context, id, { names, threshold })),
    ...masks.map(([title, made]): Column => ({ kind: 'mask', title, mask: made })),
  ]
  if (truth !== undefined && last !== undefined) {
    const [title, prediction] = last
    columns.push(
      { kind: 'mask', title: 'ground truth', mask: truth },
      { kind: 'errors', title: masks.length === 1 ? 'mistakes' : `mistakes, ${title}`, prediction, truth },
    )
  }
  return {
    id,
    image,
    tags: tags.map(names),
    columns,
    ...(note === undefined ? {} : { note }),
  }
}

async function camColumns(
  { run }: StageContext,
  id: string,
  { names, threshold }: { names: (k: number) => string; threshold: number | undefined },
): Promise<Column[]> {
  const file = camFile(run.maps, { id })
  if (!(await exists(file))) return [] // images without tags have none
  const { maps } = await readCams(file)
  return [...maps].map(([k, map]) => ({
    kind: 'CAM',
    title: `map of ${names(k)}`,
    map,
    ...(threshold !== undefined && { threshold }),
  }))
}

/** The masks that the stages made of an image, in their order. */
async function stageMasks(
  { run, recipe }: StageContext,
  id: string,
  split: string,
): Promise<[title: string, mask: LabelMap][]> {
  const prediction = (way: 'ms' | 'ms-crf') => predictionFile(run, { split, way, id })
  const files: [string, string][] = [
    ['seed', join(run.masks, `${id}.png`)],
    ...(recipe.refine.method === 'none'
      ? []
      : [['pseudo mask', pseudoMaskFile(run.pseudoMasks, { id })] as [string, string]]),
    ['prediction', prediction('ms')],
    ['prediction, CRF', prediction('ms-crf')],
  ]
  const masks: [string, LabelMap][] = []
  for (const [title, file] of files) if (await exists(file)) masks.push([title, await readLabelMap(file)])
  return masks
}
