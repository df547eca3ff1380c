/** @file Stage `affinity`: from class maps to a trained AffinityNet. */
import { mkdir } from 'node:fs/promises'
import { openLabelledLoader } from '../../data/labelled-loader.ts'
import { polyStep } from '../../optim/index.ts'
import { affinityLosses, pairAffinity, pairLabels } from '../../refine/affinity/index.ts'
import { fromData, tensor } from '../../torch/index.ts'
import { affinityOptimiser, buildAffinity } from '../build-affinity.ts'
import { startBackbone } from '../build-backbone.ts'
import { prepareTorch } from '../build-method.ts'
import { exists } from '../each-picture.ts'
import type { StageContext, StageOutcome } from '../stage.ts'
import { trainNetwork } from '../train-network.ts'
import { affinityLabelFile, withMaps, writeAffinityLabels } from './affinity-labels.ts'

/** Writes affinity/: labels, checkpoints, and affinity-metrics.jsonl; goes on from what is there. */
export async function affinityStage(context: StageContext): Promise<StageOutcome> {
  const { recipe, dataset, run, log } = context
  const { affinity: settings, normalise, seed, strict } = recipe
  const { cropSize, batchSize, epochs, radius, pairs } = settings
  for (const folder of [run.affinityLabels, run.affinityCheckpoints]) await mkdir(folder, { recursive: true })
  const mapped = await withMaps(context)
  const lost = await writeAffinityLabels(context, mapped)
  const labelled = await Promise.all(
    mapped.map(picture => exists(affinityLabelFile(run.affinityLabels, picture))),
  )
  const pictures = mapped.filter((_, i) => labelled[i])
  const device = prepareTorch(recipe)
  const network = buildAffinity(recipe, { numClasses: dataset.classes.length })
  await startBackbone(network, settings, { recipe, run, log, stage: 'affinity' })
  network.to(device)
  const { stride } = network.backbone
  const grid = { rows: cropSize / stride, columns: cropSize / stride }
  const loader = openLabelledLoader(pictures, {
    batchSize,
    seed,
    transform: { affinity: { cropSize, stride, ...settings.augment, ...normalise } },
    labelFile: picture => affinityLabelFile(run.affinityLabels, picture),
    workers: recipe.data.workers ?? 1,
    cacheBytes: recipe.data.cacheMegabytes * 1e6,
    strict,
    onBadPicture: ({ id }, error) => log.warn(`${id} is left out: ${error.message}`),
  })
  try {
    const rate = polyStep({
      lr: settings.optimiser.lr,
      steps: epochs * loader.batches,
      power: settings.power,
    })
    await trainNetwork(context, settings, {
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
      learningRate: ({ step }) => rate(step),
      loader,
      checkpoints: run.affinityCheckpoints,
      metrics: run.affinityMetrics,
    })
  } finally {
    await loader.close()
    network.dispose()
  }
  return { lost }
}
