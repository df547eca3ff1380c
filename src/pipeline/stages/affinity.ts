/** @file Stage `affinity`: from class maps to a trained AffinityNet. */
import { mkdir } from 'node:fs/promises'
import { openLabelledLoader } from '../../data/labelled-loader.ts'
import { polyStep } from '../../optim/index.ts'
import { affinityLosses, pairAffinity, pairLabels } from '../../refine/affinity/index.ts'
import { fromData, tensor } from '../../torch/index.ts'
import { affinityOptimiser, buildAffinity } from '../build-affinity.ts'
import { startBackbone } from '../build-backbone.ts'
import { prepareTorch } from '../build-method.ts'
import { type Later, withCleanUp } from '../clean-up.ts'
import { exists } from '../each-picture.ts'
import { watchLosses } from '../lost-in-training.ts'
import type { StageContext } from '../stage.ts'
import { trainNetwork } from '../train-network.ts'
import { epochsOf, sayIfOneBatch } from '../training-length.ts'
import { affinityLabelFile, withMaps, writeAffinityLabels } from './affinity-labels.ts'

/** Writes affinity/: labels, checkpoints, and affinity-metrics.jsonl; goes on from what is there. */
export function affinityStage(context: StageContext): Promise<void> {
  return withCleanUp(later => trainAffinity(context, later))
}

async function trainAffinity(context: StageContext, later: Later): Promise<void> {
  const { recipe, dataset, run, log } = context
  const { affinity: settings, normalise, seed } = recipe
  const { cropSize, batchSize, radius, pairs } = settings
  for (const folder of [run.affinityLabels, run.affinityCheckpoints]) await mkdir(folder, { recursive: true })
  const mapped = await withMaps(context)
  await writeAffinityLabels(context, mapped)
  const labelled = await Promise.all(
    mapped.map(picture => exists(affinityLabelFile(run.affinityLabels, picture))),
  )
  const pictures = mapped.filter((_, i) => labelled[i])
  const device = prepareTorch(recipe)
  const network = buildAffinity(recipe, { numClasses: dataset.classes.length })
  later(() => network.dispose())
  const checkpoints = run.affinityCheckpoints
  await startBackbone(network, settings, { recipe, run, checkpoints, log, stage: 'affinity' })
  network.to(device)
  const { stride } = network.backbone
  const grid = { rows: cropSize / stride, columns: cropSize / stride }
  const losses = watchLosses(context, 'affinity', later)
  sayIfOneBatch(pictures, { batchSize, title: 'affinity', key: 'affinity.batchSize', log })
  const loader = openLabelledLoader(pictures, {
    ...losses.options,
    batchSize,
    seed,
    dropLast: settings.dropLast,
    transform: { affinity: { cropSize, stride, ...settings.augment, ...normalise } },
    labelFile: picture => affinityLabelFile(run.affinityLabels, picture),
    workers: recipe.data.workers ?? 1,
    cacheBytes: recipe.data.cacheMegabytes * 1e6,
  })
  later(() => loader.close())
  const epochs = epochsOf(settings, { batches: loader.batches, title: 'affinity', log })
  const rate = polyStep({
    lr: settings.optimiser.lr,
    steps: epochs * loader.batches,
    power: settings.power,
  })
  await trainNetwork(
    context,
    { ...settings, epochs },
    {
      title: 'affinity',
      network,
      losses({ images, labels, size }) {
        const pixels = tensor(images, [size, 3, cropSize, cropSize]).to({ device })
        const affinity = pairAffinity(network.forward(pixels), { radius, pairs })
        const codes = pairLabels(labels, grid, { radius, pairs })
        return affinityLosses(
          affinity,
          fromData({ dtype: 'uint8', shape: affinity.shape, data: codes }).to({ device }),
        )
      },
      optimiser: affinityOptimiser(network, settings),
      keys: { lr: 'affinity.optimiser.lr', batchSize: 'affinity.batchSize' },
      learningRate: ({ step }) => rate(step),
      loader,
      checkpoints,
      metrics: run.affinityMetrics,
    },
  )
  await losses.conclude()
}
