/** @file Stage `train`: from tagged images to weights. */
import { cpus } from 'node:os'
import { openEvalLoader, openTrainLoader } from '../../../data/loader.ts'
import type { TrainTransform } from '../../../data/transforms/train.ts'
import { writeFileAtomic } from '../../../io/atomic.ts'
import type { Method } from '../../../methods/index.ts'
import { adamw, cosineEpoch, cosineStep, scaledLr } from '../../../optim/index.ts'
import { describe, tensor, threads } from '../../../torch/index.ts'
import type { LearningRate } from '../../../train/loop.ts'
import { type Validation, validate } from '../../../train/validate.ts'
import { collectLost } from '../../images/lost-images.ts'
import { buildMethod, startFromWeights } from '../../networks/build-method.ts'
import { writeLabelNames } from '../../networks/build-segmentation.ts'
import { encoderOf } from '../../recipe/method.ts'
import type { Recipe } from '../../recipe/schema.ts'
import type { StageContext } from '../../run/stage.ts'
import { type Later, withCleanUp } from '../../training/clean-up.ts'
import { watchLosses } from '../../training/lost-in-training.ts'
import { runTraining } from '../../training/run-training.ts'
import { imagesWithMasks, validateSeed } from './validate-seed.ts'

/** Writes checkpoints/ (state, last and best weights) and metrics.jsonl; goes on from the state where there is one. */
export function trainStage(context: StageContext): Promise<void> {
  return withCleanUp(later => trainClasses(context, later))
}

async function trainClasses(context: StageContext, later: Later): Promise<void> {
  const { recipe, dataset, valDataset, run, log } = context
  const { train: settings, normalise, seed, precision, device } = recipe
  const { imageSize } = encoderOf(recipe)
  const numClasses = dataset.classes.length
  const method = await buildMethod(recipe, { numClasses })
  later(() => method.network.dispose())
  await writeFileAtomic(run.environment, `${JSON.stringify(environment(recipe), null, 2)}\n`)
  await startFromWeights(method, recipe, { run, log })
  if (method.labeller !== undefined) await writeLabelNames(run.checkpoints, dataset.classes)
  const every = settings.validateEvery
  const masked = every > 0 && settings.select === 'gt-miou' ? await imagesWithMasks(context) : undefined
  const valLosses = watchLosses(context, 'validation', later)
  const valLoader =
    valDataset === undefined || every === 0
      ? undefined
      : openEvalLoader(valDataset, {
          ...valLosses.options,
          batchSize: settings.batchSize,
          workers: recipe.data.workers ?? 1,
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
    network: method.network,
    frozen: method.frozen,
    memory: method.memory,
    openLoader: options =>
      openTrainLoader(dataset, {
        ...options,
        seed,
        dropLast: settings.dropLast,
        transform: trainTransform(recipe),
      }),
    losses: ({ images, targets, size }, at) =>
      method.losses(
        {
          images: tensor(images, [size, 3, imageSize, imageSize]).to({ device }),
          targets: tensor(targets, [size, numClasses]).to({ device }),
        },
        at,
      ),
    optimiser: () => buildOptimiser(method, settings.optimiser),
    learningRate: length => learningRate(settings, length),
    validation: valLoader === undefined && masked === undefined ? undefined : { run: validation, every },
    checkpoints: run.checkpoints,
    metrics: run.metrics,
  })
  await valLosses.conclude()
}

/** What the training ran on, for the report. */
function environment({ device, precision }: Recipe): Record<string, string> {
  const { version, mkl, openblas, openblasCore } = describe()
  return {
    libtorch: version,
    BLAS: mkl ? 'MKL' : (openblas ?? 'none'),
    ...(openblasCore === undefined ? {} : { kernels: openblasCore }),
    processor: cpus()[0]?.model ?? 'unknown',
    threads: String(threads()),
    device,
    precision,
  }
}

function buildOptimiser(method: Method, { betas, eps, weightDecay, decays }: Recipe['train']['optimiser']) {
  return adamw(method.parameterGroups({ weightDecay, decays }), { betas, eps })
}

function learningRate(
  { schedule, optimiser, batchSize }: Recipe['train'],
  { epochs, batches }: { epochs: number; batches: number },
): LearningRate {
  const lr = scaledLr(optimiser.lr, { batchSize, lrBatch: optimiser.lrBatch })
  if (schedule.kind === 'cosine-epoch') {
    const rate = cosineEpoch({ ...schedule, lr, epochs })
    return ({ epoch }) => rate(epoch)
  }
  const { warmupEpochs, minLr } = schedule
  const rate = cosineStep({
    lr,
    minLr,
    steps: epochs * batches,
    warmupSteps: Math.round(warmupEpochs * batches),
  })
  return ({ step }) => rate(step)
}

function trainTransform(recipe: Recipe): TrainTransform {
  const {
    train: { augment },
    normalise,
  } = recipe
  const { imageSize } = encoderOf(recipe)
  const { crop, flip, randAugment, erasing } = augment
  return { imageSize, ...crop, flip, randAugment, erasing, ...normalise }
}
