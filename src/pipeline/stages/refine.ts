/** @file Stage `refine`: from class maps to the pseudo masks that segmentation is trained on. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Picture } from '../../data/dataset.ts'
import { normalise } from '../../data/transforms/normalise.ts'
import { type ClassMaps, predictLabels } from '../../evaluate/index.ts'
import { type LabelMap, writeLabelMap } from '../../io/indexed-png.ts'
import { pictureAffinities, walkedMaps } from '../../refine/affinity/index.ts'
import { crfLabels } from '../../refine/cam-crf.ts'
import { crfThreads } from '../../refine/dense-crf.ts'
import { crfHardLabels } from '../../refine/label-crf.ts'
import { autocast, ops, scope, tensor } from '../../torch/index.ts'
import { loadAffinity } from '../build-affinity.ts'
import { classMapFile, readClassMaps, writeClassMaps } from '../class-map-file.ts'
import { eachPicture } from '../each-picture.ts'
import { walks } from '../recipe/refine.ts'
import type { StageContext } from '../stage.ts'
import { takeOver } from '../take-stage.ts'
import { writeLegend } from '../write-legend.ts'
import { readMapsAndImage, withMaps } from './affinity-labels.ts'
import { pseudoMaskFile } from './pseudo-masks.ts'
import { chooseBackground, scorePseudoMasks } from './refine-scores.ts'
import { writeSureMasks } from './sure-masks.ts'

/**
 * Writes pseudo-masks/ID.png, for the walk also refined/ID.safetensors, for `refine.sure` also sure-masks/ID.png, and how
 * well the first meet the masks where there are any; what is there is kept. Pictures without maps are named and have none.
 */
export async function refineStage(context: StageContext): Promise<void> {
  const { recipe, run } = context
  const { method, sure } = recipe.refine
  await mkdir(run.pseudoMasks, { recursive: true })
  const pictures = await withMaps(context)
  const maps = walks(recipe.refine) ? run.refined : run.maps
  if (walks(recipe.refine)) {
    await mkdir(run.refined, { recursive: true })
    await walkPictures(context, pictures)
  }
  if (sure !== null) await writeSureMasks(context, pictures, { maps, sure })
  if (method === 'none') return takeSeedMasks(context, pictures)
  const background = await chooseBackground(context, maps)
  await writePseudoMasks(context, pictures, { maps, background: background.value })
  await scorePseudoMasks(context, background)
}

/** The masks of evaluate, which has scored them, are the pseudo masks. */
async function takeSeedMasks(
  { recipe, run, signal, log }: StageContext,
  pictures: readonly Picture[],
): Promise<void> {
  await eachPicture(
    pictures,
    picture => pseudoMaskFile(run.pseudoMasks, picture),
    ({ id }, file) => takeOver(join(run.masks, `${id}.png`), file),
    { title: 'pseudo masks', lacks: 'no pseudo mask', strict: recipe.strict, signal, log },
  )
}

/** Class maps after the random walk, one picture at a time. */
async function walkPictures(context: StageContext, pictures: readonly Picture[]): Promise<void> {
  const { recipe, dataset, run, signal, log } = context
  const { device, precision, normalise: normalisation } = recipe
  const { radius, pairs } = recipe.affinity
  const { storage } = recipe.maps
  const network = await loadAffinity(recipe, run, { numClasses: dataset.classes.length })
  try {
    await eachPicture(
      pictures,
      picture => classMapFile(run.refined, picture),
      async (picture, file) => {
        const { image, ...seed } = await readMapsAndImage(classMapFile(run.maps, picture), picture)
        const { width, height } = image
        const affinities = scope(() => {
          const input = tensor(normalise(image, normalisation), [1, 3, height, width]).to({ device })
          return autocast({ precision, device }, () => pictureAffinities(network, input, { radius, pairs }))
        })
        const maps = walkedMaps(seed, affinities, { radius, pairs, ...recipe.refine.walk })
        const cam = scope(() => {
          const planes = [...maps.values()].map(map => tensor(map, [height, width]))
          return ops.toDtype(ops.stack(planes), storage).toData()
        })
        await writeClassMaps(file, { cam, classes: [...maps.keys()] })
      },
      { title: 'walk', lacks: 'no refined map', strict: recipe.strict, signal, log },
    )
  } finally {
    network.dispose()
  }
}

/** Labels of every picture whose maps are in the folder. */
async function writePseudoMasks(
  { recipe, dataset, run, signal, log }: StageContext,
  pictures: readonly Picture[],
  { maps, background }: { maps: string; background: number },
): Promise<void> {
  const { method, crf, unary, gtProb } = recipe.refine
  const labels = dataset.classes.length + 1
  await writeLegend(run, dataset)
  await eachPicture(
    pictures,
    picture => pseudoMaskFile(run.pseudoMasks, picture),
    async (picture, file) => {
      const source = classMapFile(maps, picture)
      const predict = (cams: ClassMaps): LabelMap =>
        predictLabels(cams, { labels, threshold: background, file: source })
      if (method === 'affinity') return writeLabelMap(file, predict(await readClassMaps(source)))
      const { image, ...cams } = await readMapsAndImage(source, picture)
      const common = { image, name: source, threads: 1, ...crf }
      const mask =
        unary === 'scores'
          ? crfLabels({ ...common, cams: cams.maps, background })
          : crfHardLabels({ ...common, labels: predict(cams), present: presentLabels(cams), gtProb })
      return writeLabelMap(file, await mask)
    },
    {
      title: 'pseudo masks',
      lacks: 'no pseudo mask',
      atOnce: method === 'affinity' ? 1 : crfThreads(recipe.threads),
      strict: recipe.strict,
      signal,
      log,
    },
  )
}

/** Background and the classes that have a map. */
function presentLabels({ maps }: ClassMaps): number[] {
  return [0, ...Array.from(maps.keys(), k => k + 1)]
}
