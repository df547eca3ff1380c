/** @file Runs one training of a stage, whatever its network: loader, length, optimiser, lost images, abort. */
import type { BatchSource, LoaderOptions, SampleBatch } from '../../data/batch-loader.ts'
import type { Optimiser } from '../../optim/index.ts'
import { stepsOf } from '../../train/length.ts'
import { type LearningRate, TrainingStopped, type TrainOptions, train } from '../../train/loop.ts'
import type { ExampleImages } from '../../train/records.ts'
import { classWords } from '../networks/weight-classes.ts'
import { Interrupted, leads, type StageContext } from '../run/stage.ts'
import { withCleanUp } from './clean-up.ts'
import { watchLosses } from './lost-in-training.ts'
import { addSnapshot } from './snapshots.ts'
import { type LengthSettings, lengthOf } from './training-length.ts'

/** The settings of every section that trains. */
export interface TrainingSettings extends LengthSettings {
  readonly batchSize: number
  readonly checkpointMinutes: number
  readonly checkpointSteps: number | null
  readonly logEvery: number
}

/** The length that schedules need; a training by steps may end within its last epoch. */
export interface TrainingLength {
  readonly epochs: number
  readonly batches: number
  readonly steps: number
}

export interface RunTraining<B extends SampleBatch>
  extends Pick<
    TrainOptions<B>,
    'network' | 'frozen' | 'memory' | 'losses' | 'validation' | 'checkpoints' | 'metrics'
  > {
  /** Folder of its events, where the recipe wants them. */
  readonly events: string
  /** Draws example images, where the recipe wants any. */
  readonly examples?: ExampleImages['draw']
  /** Its name in progress and messages. */
  readonly title: string
  /** The recipe's keys of its learning rate and batch size, for messages. */
  readonly keys: { readonly lr: string; readonly batchSize: string }
  readonly settings: TrainingSettings
  /** For the metadata of its weights. */
  readonly words?: Readonly<Record<string, string>> | undefined
  readonly openLoader: (options: LoaderOptions) => BatchSource<B>
  readonly optimiser: () => Optimiser
  readonly learningRate: (length: TrainingLength) => LearningRate
}

/**
 * Trains to the end, resuming from an existing state. Throws Interrupted after an abort, with the state saved, and as
 * `train`.
 */
export function runTraining<B extends SampleBatch>(
  context: StageContext,
  { settings, openLoader, optimiser, learningRate, events, examples, words, ...training }: RunTraining<B>,
): Promise<void> {
  const { recipe, dataset, signal, log, processes } = context
  const { data, precision, device, report, seed } = recipe
  const { title } = training
  return withCleanUp(async later => {
    if (processes !== undefined) later(processes.divideThreads(recipe.threads))
    const lost = watchLosses(context, title, later)
    const loader = openLoader({
      ...lost.options,
      batchSize: settings.batchSize,
      share: processes && { index: processes.rank, count: processes.size },
      workers: data.workers,
      cacheBytes: (data.cacheMegabytes * 1e6) / (processes?.size ?? 1),
    })
    later(() => loader.close())
    const { batches } = loader
    const length = lengthOf(settings, { batches, title, log })
    const steps = stepsOf(length, batches)
    const { checkpointMinutes, checkpointSteps, logEvery } = settings
    await train({
      ...training,
      loader,
      optimiser: optimiser(),
      words: { ...classWords(dataset.classes), ...words },
      tensorboard: report.tensorboard ? events : undefined,
      examples: examples && leads(context) ? examplesOf(context, examples) : undefined,
      processes,
      seed,
      learningRate: learningRate({ epochs: Math.ceil(steps / batches), batches, steps }),
      length,
      checkpointMinutes,
      checkpointSteps,
      logEvery,
      precision,
      device,
      signal,
      log,
    }).catch((error: unknown) => {
      throw error instanceof TrainingStopped ? new Interrupted(error.message) : error
    })
    await lost.conclude()
  })
}

const LIVE_SHARE = 0.1 // of the time, at most, spent on the images of the live report

/** Undefined where nobody looks at them. */
function examplesOf(
  { recipe: { report }, run }: StageContext,
  draw: ExampleImages['draw'],
): ExampleImages | undefined {
  if (report.tensorboard)
    return { draw, show: report.live ? (images, at) => addSnapshot(run.live, images, at) : undefined }
  if (!report.live) return undefined
  let due = 0
  return {
    async draw() {
      const began = Date.now()
      if (began < due) return []
      const images = await draw()
      due = Date.now() + (Date.now() - began) / LIVE_SHARE
      return images
    },
    async show(images, at) {
      if (images.length > 0) await addSnapshot(run.live, images, at)
    },
  }
}
