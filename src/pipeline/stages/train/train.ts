/** @file Stage `train`: from tagged images to weights. */
import { cpus } from 'node:os'
import { openEvalLoader, openTrainLoader } from '../../../data/loader.ts'
import { writeFileAtomic } from '../../../io/atomic.ts'
import type { Autoencoder } from '../../../methods/index.ts'
import { skipInit } from '../../../nn/index.ts'
import { describe, tensor, threads } from '../../../torch/index.ts'
import { type Validation, validate } from '../../../train/validate.ts'
import { collectLost } from '../../images/lost-images.ts'
import { buildAutoencoder, loadAutoencoder } from '../../networks/build-autoencoder.ts'
import { buildMethod, startFromWeights } from '../../networks/build-method.ts'
import { writeLabelNames } from '../../networks/build-segmentation.ts'
import { autoencoderOf, encoderOf, methodOf } from '../../recipe/method.ts'
import { leads, type StageContext } from '../../run/stage.ts'
import { type Later, withCleanUp } from '../../training/clean-up.ts'
import { watchLosses } from '../../training/lost-in-training.ts'
import { runTraining } from '../../training/run-training.ts'
import { cropsOf, learningRateOf, optimiserOf } from '../../training/train-settings.ts'
import { openExamples } from './example-cams.ts'
import { imagesWithMasks, validateSeed } from './validate-seed.ts'

/** Writes checkpoints/ (state, last and best weights) and metrics.jsonl; resumes from an existing state. */
export function trainStage(context: StageContext): Promise<void> {
  return withCleanUp(later => trainClasses(context, later))
}

async function trainClasses(context: StageContext, later: Later): Promise<void> {
  const { recipe, dataset, valDataset, run, log } = context
  const { train: settings, normalise, seed, precision, device } = recipe
  const { imageSize } = encoderOf(recipe)
  const numClasses = dataset.classes.length
  const autoencoder = await trainedAutoencoder(context, later)
  const method = await buildMethod(recipe, { numClasses, autoencoder })
  later(() => method.network.dispose())
  const { memory } = method
  later(() => {
    for (const one of memory?.values() ?? []) one.dispose()
  })
  if (leads(context))
    await writeFileAtomic(run.environment, `${JSON.stringify(environment(context), null, 2)}\n`)
  await startFromWeights(method, recipe, { run, log })
  if (method.labeller !== undefined && leads(context)) await writeLabelNames(run.checkpoints, dataset.classes)
  const views = cropsOf(recipe)
  const every = settings.validateEvery
  const byTruth = every > 0 && settings.select === 'gt-miou' && leads(context)
  const masked = byTruth ? await imagesWithMasks(context) : undefined
  const valLosses = watchLosses(context, 'validation', later, { shared: false })
  const valLoader =
    valDataset === undefined || every === 0 || !leads(context)
      ? undefined
      : openEvalLoader(valDataset, {
          ...valLosses.options,
          batchSize: settings.batchSize,
          workers: recipe.data.workers,
          transform: { imageSize, ...normalise },
        })
  later(() => valLoader?.close())
  const unseen = collectLost({ title: 'choosing weights', list: run.lostImages, log })
  const validation = async (): Promise<Validation> => {
    const byTags =
      valLoader === undefined
        ? undefined
        : await validate(method, valLoader, { numClasses, device, precision })
    if (masked === undefined) return byTags!
    const byMasks = await validateSeed(context, method, masked, unseen)
    return { ...byMasks, means: { ...byTags?.means, ...byMasks.means } }
  }
  await runTraining(context, {
    title: 'train',
    keys: { lr: 'train.optimiser.lr', batchSize: 'train.batchSize' },
    settings,
    words: methodOf(recipe).metadata?.(recipe),
    network: method.network,
    frozen: method.frozen,
    memory,
    openLoader: options =>
      openTrainLoader(dataset, {
        ...options,
        seed,
        dropLast: settings.dropLast,
        views,
      }),
    losses({ images, targets, boxes, size }, at) {
      const pixels = tensor(images, [size, views.length, 3, imageSize, imageSize]).to({ device })
      const [first, ...further] = views.map((_, view) => pixels.select(1, view))
      const batch = { images: first!, views: further, boxes }
      return method.losses({ ...batch, targets: tensor(targets, [size, numClasses]).to({ device }) }, at)
    },
    optimiser: () => optimiserOf(method, settings),
    learningRate: length => learningRateOf(settings, length),
    validation: valLoader === undefined && masked === undefined ? undefined : { run: validation, every },
    checkpoints: run.checkpoints,
    metrics: run.metrics,
    events: run.events,
    examples: openExamples(context, method),
  })
  for (const warning of method.warnings?.() ?? []) log.warn(`train: ${warning}`)
  await valLosses.conclude()
}

/** What the stage autoencoder has made, for methods that it guides. */
async function trainedAutoencoder(
  { recipe, dataset, run }: StageContext,
  later: Later,
): Promise<Autoencoder | undefined> {
  if (autoencoderOf(recipe) === undefined) return undefined
  const autoencoder = await skipInit(() => buildAutoencoder(recipe, { numClasses: dataset.classes.length }))
  later(() => autoencoder.network.dispose())
  await loadAutoencoder(autoencoder, recipe, run)
  return autoencoder
}

/** Software and hardware of the training, for the report. */
function environment({ recipe: { device, precision }, processes }: StageContext): Record<string, string> {
  const { version, mkl, openblas, openblasCore } = describe()
  return {
    libtorch: version,
    BLAS: mkl ? 'MKL' : (openblas ?? 'none'),
    ...(openblasCore === undefined ? {} : { kernels: openblasCore }),
    processor: cpus()[0]?.model ?? 'unknown',
    threads: String(threads()),
    ...(processes && { processes: String(processes.size) }),
    device,
    precision,
  }
}
