/** @file Labels that a trained segmentation network gives the training pictures, for the next to learn from. Part of the stage `segment`. */
import { mkdir } from 'node:fs/promises'
import type { Picture } from '../../data/picture.ts'
import { writeLabelMap } from '../../io/indexed-png.ts'
import { type LabelNetwork, shownTo } from '../build-segmentation.ts'
import { classMapFile, readClassMaps } from '../class-map-file.ts'
import { exists } from '../each-picture.ts'
import { type LabelPrior, predictPictures } from '../predict-pictures.ts'
import { walks } from '../recipe/refine.ts'
import type { SegmentRecipe } from '../recipe/segment.ts'
import { readStageFile } from '../score-file.ts'
import { Interrupted, type StageContext } from '../stage.ts'
import { withMaps } from './affinity-labels.ts'
import type { ScoresFile } from './evaluate.ts'
import { pseudoMaskFile } from './pseudo-masks.ts'
import type { RefineScoresFile } from './refine-scores.ts'
import { roundFiles, scoreRound } from './round-scores.ts'

/**
 * Writes masks/ID.png of the round: the best of the background and the picture's own tags, over the scales of `retrain`,
 * times the class maps where it wants them, and through its CRF. Labels that are there stay. Then scores them, round-scores.json.
 */
export async function labelForNextRound(
  context: StageContext,
  network: LabelNetwork,
  { round, retrain }: { round: number; retrain: NonNullable<SegmentRecipe['retrain']> },
): Promise<void> {
  const { recipe, dataset, run, signal, log } = context
  const { masks } = roundFiles(run, round)
  const { mapWeight } = retrain
  const maps = walks(recipe.refine) ? run.refined : run.maps
  const background = mapWeight === 0 ? 1 : await backgroundScore(context)
  await mkdir(masks, { recursive: true })
  const pictures =
    mapWeight === 0 ? dataset.pictures.filter(({ tags }) => tags.length > 0) : await withMaps(context)
  const there = await Promise.all(pictures.map(picture => exists(pseudoMaskFile(masks, picture))))
  const open = pictures.filter((_, i) => !there[i])
  let count = pictures.length - open.length
  const way = retrain.crf === null ? 'ms' : 'ms-crf'
  const progress = log.progress({ title: `labels of round ${round}`, total: pictures.length, start: count })
  try {
    const predictions = predictPictures(network, open, {
      ...recipe.predict,
      ...retrain,
      flip: true,
      ways: [way],
      ...shownTo(recipe),
      workers: recipe.data.workers ?? 1,
      device: recipe.device,
      precision: recipe.precision,
      strict: recipe.strict,
      onBadPicture: ({ id }, error) => log.warn(`${id} is left out of the next round: ${error.message}`),
      prior: picture => priorOf(picture, { maps, background, weight: mapWeight }),
    })
    for await (const { picture, labels } of predictions) {
      await writeLabelMap(pseudoMaskFile(masks, picture), labels.get(way)!)
      progress.update(++count)
      if (signal.aborted) throw new Interrupted(`labels of round ${round}, picture ${count}`)
    }
  } finally {
    progress.finish()
  }
  await scoreRound(context, masks)
}

const FAINTEST = 0.02 // a map's least score: the network can find a tag where its map saw nothing

/** The background and the picture's tags, each by its map to the power `weight`; for 0 the tags alone. */
async function priorOf(
  { id, tags }: Picture,
  { maps: folder, background, weight }: { maps: string; background: number; weight: number },
): Promise<LabelPrior> {
  const whole = (value: number, area: number): Float32Array => new Float32Array(area).fill(value)
  if (weight === 0)
    return {
      width: 1,
      height: 1,
      factors: new Map([0, ...tags.map(tag => tag + 1)].map(k => [k, whole(1, 1)])),
    }
  const { width, height, maps } = await readClassMaps(classMapFile(folder, { id }))
  const area = width * height
  const factors = new Map([[0, whole(background ** weight, area)]])
  for (const tag of tags) {
    const map = maps.get(tag) ?? whole(0, area)
    factors.set(
      tag + 1,
      map.map(value => Math.max(value, FAINTEST) ** weight),
    )
  }
  return { width, height, factors }
}

/** The score of the background that the pseudo masks were made with. */
async function backgroundScore({ recipe, run }: StageContext): Promise<number> {
  if (recipe.refine.method === 'none')
    return (await readStageFile<ScoresFile>(run.scores, 'evaluate')).threshold
  return (await readStageFile<RefineScoresFile>(run.refineScores, 'refine')).background
}
