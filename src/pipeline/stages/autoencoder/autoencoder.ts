/** @file Stage `autoencoder`: trains the autoencoder that guides the stage `train`, or takes a trained one from a file. */
import { copyFile, mkdir } from 'node:fs/promises'
import { onlyTagged } from '../../../data/dataset.ts'
import { openEvalLoader, openTrainLoader } from '../../../data/loader.ts'
import type { Autoencoder } from '../../../methods/index.ts'
import { tensor } from '../../../torch/index.ts'
import { checkpointFiles, saveWeights } from '../../../train/checkpoint.ts'
import { buildAutoencoder, loadAutoencoder, startAutoencoder } from '../../networks/build-autoencoder.ts'
import { classWords } from '../../networks/weight-classes.ts'
import { autoencoderOf } from '../../recipe/method.ts'
import { leads, type StageContext } from '../../run/stage.ts'
import { type Later, withCleanUp } from '../../training/clean-up.ts'
import { watchLosses } from '../../training/lost-in-training.ts'
import { runTraining } from '../../training/run-training.ts'
import { cropOf, learningRateOf, optimiserOf } from '../../training/train-settings.ts'
import { writeReconstructions } from './reconstructions.ts'
import { validateAutoencoder } from './validate-autoencoder.ts'

/** Writes autoencoder/ (state, last and best weights, reconstructions.png) and autoencoder-metrics.jsonl; resumes from an existing state. */
export function autoencoderStage(context: StageContext): Promise<void> {
  return withCleanUp(later => makeAutoencoder(context, later))
}

async function makeAutoencoder(context: StageContext, later: Later): Promise<void> {
  const { recipe, dataset, run, log } = context
  const numClasses = dataset.classes.length
  const autoencoder = await buildAutoencoder(recipe, { numClasses })
  later(() => autoencoder.network.dispose())
  await mkdir(run.autoencoderCheckpoints, { recursive: true })
  const { last, best } = checkpointFiles(run.autoencoderCheckpoints)
  if (await startAutoencoder(autoencoder, recipe, { classes: dataset.classes, run, log })) {
    if (!leads(context)) return
    log.info('autoencoder: the file holds all of it, so that nothing is trained')
    await saveWeights(last, autoencoder.network, classWords(dataset.classes))
    await copyFile(last, best)
  } else await trainAutoencoder(context, { autoencoder, later })
  if (!leads(context)) return
  await loadAutoencoder(autoencoder, recipe, run)
  await writeReconstructions(context, autoencoder)
}

async function trainAutoencoder(
  context: StageContext,
  { autoencoder, later }: { autoencoder: Autoencoder; later: Later },
): Promise<void> {
  const { recipe, dataset, valDataset = onlyTagged(dataset), run } = context
  const { normalise, seed, precision, device, data } = recipe
  const { settings } = autoencoderOf(recipe)!
  const { imageSize, network } = autoencoder
  const numClasses = dataset.classes.length
  const every = settings.validateEvery
  const valLosses = watchLosses(context, 'validation of the autoencoder', later, { shared: false })
  const valLoader =
    every === 0 || !leads(context)
      ? undefined
      : openEvalLoader(valDataset, {
          ...valLosses.options,
          batchSize: settings.batchSize,
          workers: data.workers,
          transform: { imageSize, ...normalise },
        })
  later(() => valLoader?.close())
  await runTraining(context, {
    title: 'autoencoder',
    keys: { lr: 'autoencoder.optimiser.lr', batchSize: 'autoencoder.batchSize' },
    settings,
    network,
    openLoader: options =>
      openTrainLoader(dataset, {
        ...options,
        seed,
        dropLast: settings.dropLast,
        views: [{ imageSize, ...normalise, ...cropOf(settings.augment) }],
      }),
    losses: ({ images, targets, size }) =>
      autoencoder.losses({
        images: tensor(images, [size, 3, imageSize, imageSize]).to({ device }),
        targets: tensor(targets, [size, numClasses]).to({ device }),
      }),
    optimiser: () => optimiserOf(autoencoder, settings),
    learningRate: length => learningRateOf(settings, length),
    validation: valLoader && {
      run: () => validateAutoencoder(autoencoder, valLoader, { numClasses, device, precision }),
      every,
    },
    checkpoints: run.autoencoderCheckpoints,
    metrics: run.autoencoderMetrics,
    events: run.autoencoderEvents,
  })
  await valLosses.conclude()
}
