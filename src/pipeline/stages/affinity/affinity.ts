/** @file Stage `affinity`: from CAMs to a trained network of affinities. */
import { mkdir } from 'node:fs/promises'
import { openLabelledLoader } from '../../../data/labelled-loader.ts'
import { polyStep } from '../../../optim/index.ts'
import { tensor } from '../../../torch/index.ts'
import { exists } from '../../images/image-pass.ts'
import { mapInParallel } from '../../images/in-parallel.ts'
import { affinityOptimiser, buildAffinity } from '../../networks/build-affinity.ts'
import { startBackbone } from '../../networks/build-backbone.ts'
import { prepareTorch } from '../../networks/build-method.ts'
import { firstly, type StageContext } from '../../run/stage.ts'
import { type Later, withCleanUp } from '../../training/clean-up.ts'
import { runTraining } from '../../training/run-training.ts'
import { sayIfOneBatch } from '../../training/training-length.ts'
import { affinityLabelFile, withCams, writeAffinityLabels } from './affinity-labels.ts'

/** Writes affinity/: labels, checkpoints, and affinity-metrics.jsonl; resumes from existing files. */
export function affinityStage(context: StageContext): Promise<void> {
  return withCleanUp(later => trainAffinity(context, later))
}

async function trainAffinity(context: StageContext, later: Later): Promise<void> {
  const { recipe, dataset, run, log } = context
  const { affinity: settings, normalise, seed } = recipe
  const { cropSize, batchSize } = settings
  for (const folder of [run.affinityLabels, run.affinityCheckpoints]) await mkdir(folder, { recursive: true })
  const mapped = await withCams(context)
  await firstly(context, () => writeAffinityLabels(context, mapped))
  const labelled = await mapInParallel(mapped, sample => exists(affinityLabelFile(context, sample)))
  const samples = mapped.filter((_, i) => labelled[i])
  const device = prepareTorch(recipe)
  const learner = buildAffinity(recipe, { numClasses: dataset.classes.length })
  const { network, stride } = learner
  later(() => network.dispose())
  const checkpoints = run.affinityCheckpoints
  await startBackbone(network, settings, { recipe, run, checkpoints, log, stage: 'affinity' })
  network.to(device)
  sayIfOneBatch(samples, { batchSize, title: 'affinity', key: 'affinity.batchSize', log })
  await runTraining(context, {
    title: 'affinity',
    keys: { lr: 'affinity.optimiser.lr', batchSize: 'affinity.batchSize' },
    settings,
    network,
    openLoader: options =>
      openLabelledLoader(samples, {
        ...options,
        seed,
        dropLast: settings.dropLast,
        transform: { affinity: { cropSize, stride, ...settings.augment, ...normalise } },
        labelFile: sample => affinityLabelFile(context, sample),
      }),
    losses: ({ images, labels, size }) =>
      learner.losses(tensor(images, [size, 3, cropSize, cropSize]).to({ device }), labels),
    optimiser: () => affinityOptimiser(learner, recipe),
    learningRate({ steps }) {
      const { optimiser, power } = settings
      const rate = polyStep({ lr: optimiser.lr, steps, power })
      return ({ step }) => rate(step)
    },
    checkpoints,
    metrics: run.affinityMetrics,
    events: run.affinityEvents,
  })
}
