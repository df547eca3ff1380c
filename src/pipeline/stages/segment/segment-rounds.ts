/** @file Labels that a trained segmentation network gives the training images, for the next training. Part of the stage `segment`. */
import { type Sample, tagged } from '../../../data/dataset.ts'
import type { LabelNetwork } from '../../../models/label-network.ts'
import { camFile, readCams } from '../../images/cam-file.ts'
import { sizeWithin } from '../../images/image-plan.ts'
import { writeLabels } from '../../images/label-images.ts'
import type { LabelPrior } from '../../images/predict-images.ts'
import { walks } from '../../recipe/refine.ts'
import type { SegmentRecipe } from '../../recipe/segment.ts'
import { readStageFile } from '../../run/score-file.ts'
import type { StageContext } from '../../run/stage.ts'
import { withCams } from '../affinity/affinity-labels.ts'
import type { ScoresFile } from '../evaluate/evaluate.ts'
import { pseudoMaskFile } from '../refine/pseudo-masks.ts'
import type { RefineScoresFile } from '../refine/refine-scores.ts'
import { roundFiles, scoreRound } from './round-scores.ts'

/**
 * Writes masks/ID.png of the round: the best of the background and the image's own tags, over the scales of `retrain`,
 * times the CAMs where it has a weight for them, and through its CRF. Existing labels stay. Then scores them, round-scores.json.
 */
export async function labelForNextRound(
  context: StageContext,
  network: LabelNetwork,
  { round, retrain }: { round: number; retrain: NonNullable<SegmentRecipe['retrain']> },
): Promise<void> {
  const { recipe, dataset, run } = context
  const { masks } = roundFiles(run, round)
  const { mapWeight, scales, crf } = retrain
  const maps = walks(recipe.refine) ? run.refined : run.maps
  const background = mapWeight === 0 ? 1 : await backgroundScore(context)
  const samples = mapWeight === 0 ? tagged(dataset) : await withCams(context)
  await writeLabels(context, network, samples, {
    title: `labels of round ${round}`,
    ways: [crf === null ? 'ms' : 'ms-crf'],
    fileOf: sample => pseudoMaskFile(masks, sample),
    scales,
    crf,
    flip: true,
    prior: sample =>
      priorOf(sample, { maps, background, weight: mapWeight, longestSide: recipe.maps.longestSide }),
  })
  await scoreRound(context, masks)
}

const FAINTEST = 0.02 // least score of a CAM: the network can find a tag where its CAM is 0

/** The background and the image's tags, each by its CAM to the power `weight`; for 0 the tags alone. */
async function priorOf(
  { id, tags }: Sample,
  {
    maps: folder,
    background,
    weight,
    longestSide,
  }: { maps: string; background: number; weight: number; longestSide: number },
): Promise<LabelPrior> {
  const whole = (value: number, area: number): Float32Array => new Float32Array(area).fill(value)
  if (weight === 0)
    return {
      width: 1,
      height: 1,
      factors: new Map([0, ...tags.map(tag => tag + 1)].map(k => [k, whole(1, 1)])),
    }
  const { width, height, maps } = await readCams(camFile(folder, { id }), {
    sizeOf: own => sizeWithin(longestSide, own),
  })
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
