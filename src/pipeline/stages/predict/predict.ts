/** @file Stage `predict`: labels of the validation images by the trained segmentation network, and their scores. */
import type { Dataset } from '../../../data/dataset.ts'
import type { LabelNetwork } from '../../../models/label-network.ts'
import { writeLabels } from '../../images/label-images.ts'
import { shardOf } from '../../images/shard.ts'
import { loadLabelNetwork } from '../../networks/build-segmentation.ts'
import { writeLegend } from '../../out/write-legend.ts'
import type { StageContext } from '../../run/stage.ts'
import { trainingExamples } from '../report/examples.ts'
import { predictionFile, waysOf } from './prediction-file.ts'
import { scorePredictions } from './prediction-scores.ts'

/**
 * Writes predictions/SPLIT/WAY/ID.png for the validation images, or the training images where there are none, scores
 * them, and adds the training images that the report shows. Images that have all labels are skipped. A shard
 * labels its images of the sets alone.
 */
export async function predictStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run, shard } = context
  const valDataset = context.valDataset ?? dataset
  const sets = recipe.predict.trainSplit && valDataset !== dataset ? [valDataset, dataset] : [valDataset]
  if (shard === undefined) await writeLegend(run, dataset)
  const { network } = await loadLabelNetwork(recipe, run)
  try {
    for (const { split, samples } of sets)
      await predictSet(context, network, { split, samples: shardOf(samples, shard) })
    if (shard !== undefined) return
    const shown = await trainingExamples(context)
    const examples = shown.choices.map(({ sample }) => sample)
    await predictSet(
      context,
      network,
      { split: shown.set.split, samples: examples },
      { title: `predict ${shown.set.split}, examples`, maxLost: null },
    )
  } finally {
    network.dispose()
  }
  await scorePredictions(context, sets)
}

async function predictSet(
  context: StageContext,
  network: LabelNetwork,
  { split, samples }: Pick<Dataset, 'split' | 'samples'>,
  options: { title?: string; maxLost?: null } = {},
): Promise<void> {
  await writeLabels(context, network, samples, {
    title: `predict ${split}`,
    ...options,
    ways: waysOf(context.recipe),
    fileOf: ({ id }, way) => predictionFile(context.run, { split, way, id }),
  })
}
