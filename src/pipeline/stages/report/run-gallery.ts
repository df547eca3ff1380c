/** @file All images of a run with their CAMs, masks and ground truth, for the report to look through. Imports no torch. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Dataset, Sample } from '../../../data/dataset.ts'
import { describeChoice } from '../../../evaluate/index.ts'
import { camFile } from '../../images/cam-file.ts'
import { exists } from '../../images/image-pass.ts'
import {
  addressOf,
  type Gallery,
  type GalleryImage,
  type GalleryMasks,
  type GalleryThreshold,
  photoAddress,
} from '../../report/index.ts'
import { openScoredSplit } from '../../run/open-data.ts'
import { fromHere } from '../../run/run-folder.ts'
import type { StageContext } from '../../run/stage.ts'
import type { ScoresFile } from '../evaluate/evaluate.ts'
import { predictionFile } from '../predict/prediction-file.ts'
import { resultFiles } from '../result/final-masks.ts'
import { readableTruth } from './readable-truth.ts'
import { bestWay, holdsSomething, lastRound } from './run-results.ts'

/** The images of every split that the run uses, one set each; reads no image yet. */
export async function runGallery(context: StageContext, scores: ScoresFile | undefined): Promise<Gallery> {
  const { run, dataset, valDataset } = context
  const scored = await openScoredSplit(context)
  const sets = [dataset, scored, ...(valDataset === undefined ? [] : [valDataset])].filter(
    (set, i, all) => all.findIndex(({ split }) => split === set.split) === i,
  )
  const sampleOf = new Map<GalleryImage, Sample>()
  for (const [set, { samples }] of sets.entries())
    for (const sample of samples)
      sampleOf.set({ ...sample, set, photo: photoAddress(run.root, sample.image) }, sample)
  const ofCams = sets.map(set => set !== valDataset) // CAMs and what is made from them have no folder for each split
  const hasTruth = [...sampleOf.values()].some(({ mask }) => mask !== undefined)
  return {
    sets: sets.map(({ split }) => split),
    images: [...sampleOf.keys()],
    tagged: true,
    cams: async image => (ofCams[image.set] ? existing(camFile(run.maps, image)) : undefined),
    masks: await masksOf(context, { sets, ofCams }),
    truth: hasTruth ? (image, size) => readableTruth(sampleOf.get(image)!, size) : undefined,
    threshold: scores === undefined ? undefined : thresholdOf(context, scores),
  }
}

/** From the seed to the final masks: kinds that no image has are left out. */
async function masksOf(
  { run }: StageContext,
  { sets, ofCams }: { sets: readonly Dataset[]; ofCams: readonly boolean[] },
): Promise<GalleryMasks[]> {
  const flat = (title: string, folder: string, address: string): GalleryMasks => ({
    title,
    folder,
    whole: ofCams.map(has => (has ? `${address}/` : null)),
    file: async image =>
      ofCams[image.set] ? existing(join(run.root, address, `${image.id}.png`)) : undefined,
  })
  const round = await lastRound(run)
  const ways = await Promise.all(sets.map(set => bestWay(run, set)))
  const predictions: GalleryMasks = {
    title: 'prediction',
    folder: 'predictions',
    whole: sets.map(({ split }, set) => (ways[set] ? `predictions/${addressOf(split)}/${ways[set]}/` : null)),
    file: async ({ id, set }) => {
      const way = ways[set]
      return way && existing(predictionFile(run, { split: sets[set]!.split, way, id }))
    },
  }
  const final = resultFiles(run).masks
  const finalMasks: GalleryMasks = {
    title: 'final mask',
    folder: 'final',
    whole: await Promise.all(sets.map(async set => ((await hasMask(final, set)) ? 'result/masks/' : null))),
    file: async ({ id }) => existing(join(final, `${id}.png`)),
  }
  const kinds: [there: boolean, masks: GalleryMasks][] = [
    [await holdsSomething(run.masks), { ...flat('seed mask', 'masks', 'masks'), inScores: true }],
    [await holdsSomething(run.pseudoMasks), flat('pseudo mask', 'pseudo-masks', 'pseudo-masks')],
    [ways.some(way => way !== undefined), predictions],
    [round !== undefined, flat('labels of the last round', 'rounds', `segment-rounds/${round}/masks`)],
    [await holdsSomething(final), finalMasks],
  ]
  return kinds.flatMap(([there, masks]) => (there ? [masks] : []))
}

function thresholdOf(
  { recipe, run }: StageContext,
  { scores, threshold, choice }: ScoresFile,
): GalleryThreshold {
  const [score] = scores
  const how = choice ?? score?.threshold?.choice // earlier versions left out the first
  const refined = ['crf', 'par'].includes(recipe.refine.method) // which cut the same CAMs
  return {
    value: threshold,
    choice: how === undefined ? 'a usual value' : describeChoice(how),
    curve: (score?.curve ?? []).map(point => [point.threshold, Number(point.miou.toFixed(2))] as const),
    command: [
      `npx tagmask run ${shellWord(fromHere(run.root))} --set evaluate.threshold=`,
      ...(refined ? [' --set refine.background='] : []),
      ' --resume-with-changes',
    ],
  }
}

/** Whether any image of the set has a mask in the folder. */
async function hasMask(folder: string, { samples }: Dataset): Promise<boolean> {
  for (const { id } of samples) if (await exists(join(folder, `${id}.png`))) return true
  return false
}

/** As a POSIX shell takes it for one word. */
function shellWord(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** Looks at once: half a dozen such looks an image, each through a thread, took longer than to draw it. */
async function existing(path: string): Promise<string | undefined> {
  return existsSync(path) ? path : undefined
}
