/** @file The training loop, readable from top to bottom. Killed at any moment, it resumes as if it had never stopped. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { BatchSource, SampleBatch } from '../data/batch-loader.ts'
import { TagmaskError } from '../errors.ts'
import { explainWriteError } from '../io/atomic.ts'
import { readSafetensors } from '../io/safetensors.ts'
import type { Losses, Module } from '../nn/index.ts'
import type { Optimiser } from '../optim/index.ts'
import type { Precision, Tensor } from '../torch/index.ts'
import {
  checkpointFiles,
  hasOnlyWeights,
  loadState,
  NotFiniteError,
  saveState,
  saveWeights,
} from './checkpoint.ts'
import { notFinite, nothingSeen, type TrainingNames } from './failures.ts'
import { hasEnded, isValidated, type Length, stepsOf } from './length.ts'
import { type Log, silentLog } from './log.ts'
import type { Processes } from './parallel/processes.ts'
import { sharedStart } from './parallel/shared-start.ts'
import { openSharedSteps } from './parallel/shared-steps.ts'
import { type Position, START } from './position.ts'
import { noRecords, openRecords, type RecordOptions, type Records } from './records.ts'
import { openSaves, type SaveOptions, type Saves } from './saves.ts'
import { openSteps } from './step.ts'
import type { Validation } from './validate.ts'

/** Learning rate from the epoch and the step, both from 0. */
export type LearningRate = (at: { epoch: number; step: number }) => number

/** A training; `B` is what its loader yields. */
export interface TrainOptions<B extends SampleBatch> extends TrainingNames, Partial<Surroundings> {
  readonly network: Module
  /** Networks that the losses only read: in eval mode, in no checkpoint, disposed of by the caller. */
  readonly frozen?: readonly Module[] | undefined
  /** Tensors besides the network that steps read and write; part of every checkpoint. */
  readonly memory?: ReadonlyMap<string, Tensor> | undefined
  /** Losses of a batch; called recorded, under autocast, inside the step's scope. */
  readonly losses: (batch: B, at: { readonly epoch: number; readonly step: number }) => Losses
  /** Disposed of at the end. */
  readonly optimiser: Optimiser
  readonly learningRate: LearningRate
  /** Closed by the caller. */
  readonly loader: Pick<BatchSource<B>, 'batches' | 'epoch'>
  /** Validation of the network, and its interval in the unit of `length`; 0: never. */
  readonly validation?: { readonly run: () => Promise<Validation>; readonly every: number } | undefined
  readonly length: Length
  /** Folder of the checkpoints; created when missing. */
  readonly checkpoints: string
  /** What the metadata of the weights says besides, such as their classes. */
  readonly words?: Readonly<Record<string, string>> | undefined
  /** Events besides the metrics; none. */
  readonly tensorboard?: RecordOptions['tensorboard']
  readonly examples?: RecordOptions['examples']
  /** The processes that share each batch: the loader yields the share of this one, and process 0 alone validates and writes. */
  readonly processes?: Processes | undefined
  /** Of what several processes draw at random; 0. One process draws from what `manualSeed` was given. */
  readonly seed?: number
}

/** Options with defaults; 10 minutes and any number of steps between two checkpoints. */
interface Surroundings extends SaveOptions {
  /** Device of the network; cpu. */
  readonly device: string
  /** Precision of the losses; fp32. */
  readonly precision: Precision
  /** File of the metrics; metrics.jsonl in `checkpoints`. */
  readonly metrics: string
  /** Steps between two records in the metrics; 1. */
  readonly logEvery: number
  /** Stops the training after it saved its state; none. */
  readonly signal: AbortSignal
  /** silentLog() */
  readonly log: Log
}

type Training<B extends SampleBatch> = TrainOptions<B> & Surroundings & { readonly saves: Saves }

/** The training was stopped by its signal and saved its state. */
export class TrainingStopped extends TagmaskError {
  override readonly name = 'TrainingStopped'
}

/**
 * Trains to the last epoch, from the checkpoint if there is one; where the last weights are there alone, loads them. Saves the state, then throws TrainingStopped after an
 * abort, or the loader's error; TagmaskError when a loss or a weight is not finite (the last checkpoint stays); InputError
 * when no image of an epoch could be used.
 */
export async function train<B extends SampleBatch>(options: TrainOptions<B>): Promise<void> {
  const surrounded = {
    device: 'cpu',
    precision: 'fp32',
    metrics: join(options.checkpoints, 'metrics.jsonl'),
    checkpointMinutes: 10,
    checkpointSteps: null,
    logEvery: 1,
    signal: new AbortController().signal,
    log: silentLog(),
    ...options,
  } satisfies TrainOptions<B> & Surroundings
  const write = (at: Position) => saveState(options.checkpoints, surrounded, at)
  const training: Training<B> = {
    ...surrounded,
    saves: openSaves(leads(options) ? write : async () => undefined, surrounded),
  }
  try {
    await mkdir(options.checkpoints, { recursive: true }).catch((cause: unknown) => {
      throw explainWriteError(options.checkpoints, cause)
    })
    await trainToTheEnd(training)
  } catch (error) {
    throw error instanceof NotFiniteError
      ? notFinite(training, `the training holds NaN or infinity in ${error.message}`)
      : error
  } finally {
    options.optimiser.dispose()
  }
}

async function trainToTheEnd<B extends SampleBatch>(options: Training<B>): Promise<void> {
  const {
    title = 'train',
    network,
    frozen = [],
    loader,
    length,
    checkpoints,
    signal,
    log,
    processes,
  } = options
  const total = stepsOf(length, loader.batches)
  const start = () => startOf(options)
  const found = await (processes === undefined ? start() : sharedStart(processes, options, start))
  if (found === undefined) return
  let at = found
  if (at.step > 0) log.info(`${title}: resumed at epoch ${at.epoch + 1}, batch ${at.batch + 1}`)
  const records = leads(options) ? await openRecords(options, at) : noRecords()
  const progress = log.progress({ title, total, start: at.step, unit: 'steps' })
  const epochs = length.unit === 'epochs' ? length.count : Math.ceil(total / loader.batches)
  const steps = processes === undefined ? openSteps(options) : openSharedSteps(options, processes)
  try {
    network.train()
    for (const one of frozen) one.eval()
    at = await validatedAtStep(options, at, records) // it may have stopped before this
    for (; !hasEnded(length, at); at = await endEpoch(options, at, records)) {
      const began = { time: Date.now(), images: at.images }
      const shownBatches = loader.epoch(at.epoch, { startBatch: at.batch })
      for await (const batch of orAfter(shownBatches, () => saveReached(options, at))) {
        const lr = options.learningRate({ epoch: at.epoch, step: at.step })
        const step = await steps.take(batch, { at, lr })
        if (step === undefined) continue // a process has lost all of its images
        const { losses, images } = step
        if (!Number.isFinite(losses.loss))
          throw notFinite(
            options,
            `the loss is not finite in epoch ${at.epoch + 1}, step ${at.step}, at learning rate ${lr}`,
          )
        if (at.step % options.logEvery === 0) {
          await records.append({ kind: 'step', step: at.step, epoch: at.epoch, lr, ...losses })
        }
        at = {
          ...at,
          batch: batch.index + 1,
          step: at.step + 1,
          sums: summed(at.sums, losses, images),
          images: at.images + images,
        }
        progress.update(at.step, { epoch: `${at.epoch + 1}/${epochs}`, ...losses, lr })
        await setImmediate() // lets signals and decoded images in
        const stops = step.stops ?? signal.aborted
        if (stops || options.saves.isDue(at)) await options.saves.save(at)
        if (stops) throw new TrainingStopped(`epoch ${at.epoch + 1}, step ${at.step}`)
        at = await validatedAtStep(options, at, records)
        if (length.unit === 'steps' && hasEnded(length, at)) break
      }
      if (at.images === 0) throw nothingSeen(options, at.epoch)
      const seconds = (Date.now() - began.time) / 1000
      const shown = at.images - began.images // none when only the end of the epoch was left
      const means = Object.fromEntries(Object.entries(at.sums).map(([name, sum]) => [name, sum / at.images]))
      await records.append({
        kind: 'epoch',
        step: at.step - 1,
        epoch: at.epoch,
        ...means,
        ...(shown > 0 && { 'images/s': shown / seconds }),
      })
      if (options.validation === undefined) await records.addExamples(at.step - 1)
    }
    if (leads(options))
      await saveWeights(checkpointFiles(checkpoints).last, network, {
        ...options.words,
        [length.unit]: String(length.count),
      })
  } finally {
    steps.close()
    progress.finish()
    await records.close()
  }
}

/** Whether this process writes: the only one, or the first. */
function leads({ processes }: Pick<Training<SampleBatch>, 'processes'>): boolean {
  return processes?.leads ?? true
}

/** From the checkpoint, or the beginning; undefined, with the last weights, where nothing is left to do. */
async function startOf<B extends SampleBatch>(options: Training<B>): Promise<Position | undefined> {
  const { network, loader, length, checkpoints } = options
  if (await hasOnlyWeights(checkpoints)) {
    network.loadStateDict((await readSafetensors(checkpointFiles(checkpoints).last)).tensors)
    return undefined
  }
  const plan = { epochs: length.count, batches: loader.batches }
  return (await loadState(checkpoints, options, plan)) ?? START
}

/** Passes the batches on; when their source fails, `work` comes before its error. */
async function* orAfter<B>(
  batches: AsyncGenerator<B, void>,
  work: () => Promise<void>,
): AsyncGenerator<B, void> {
  try {
    yield* batches
  } catch (error) {
    await work()
    throw error
  }
}

/** Saves the state after the images failed. A failure to save is dropped, so that the images' error is the one thrown. */
async function saveReached<B extends SampleBatch>(options: Training<B>, at: Position): Promise<void> {
  if (at.step > 0) await options.saves.save(at).catch(() => undefined)
}

/** Validates a training by steps when it is due. */
async function validatedAtStep<B extends SampleBatch>(
  options: Training<B>,
  at: Position,
  records: Records,
): Promise<Position> {
  const { length, validation } = options
  if (validation === undefined || length.unit === 'epochs' || at.step === at.validated) return at
  if (!isValidated(at.step, { ...length, ...validation })) return at
  return validated(options, at, records)
}

/** Validates a training by epochs when it is due, and keeps the state at the start of the next epoch, the last one for certain. */
async function endEpoch<B extends SampleBatch>(
  options: Training<B>,
  at: Position,
  records: Records,
): Promise<Position> {
  const { length, validation } = options
  const epoch = at.epoch + 1
  const due =
    validation !== undefined && length.unit === 'epochs' && isValidated(epoch, { ...length, ...validation })
  const { step, best, validated: last } = due ? await validated(options, at, records) : at
  const next: Position = { epoch, batch: 0, step, sums: {}, images: 0, best, validated: last }
  await (hasEnded(length, next) ? options.saves.save(next) : options.saves.keep(next))
  return next
}

/** Keeps the state before the validation, which may take long, and saves the weights when they are the best so far. */
async function validated<B extends SampleBatch>(
  options: Training<B>,
  at: Position,
  records: Records,
): Promise<Position> {
  const { network, validation, length, checkpoints, log } = options
  if (!leads(options)) return { ...at, validated: at.step }
  await options.saves.keep(at)
  const { means, decisive } = await validation!.run()
  await records.append({ kind: 'validation', step: at.step - 1, epoch: at.epoch, ...means })
  await records.addExamples(at.step - 1)
  const shown = Object.entries(means).map(([name, value]) => `${name} ${value.toFixed(2)}`)
  const place = length.unit === 'epochs' ? `epoch ${at.epoch + 1}` : `step ${at.step}`
  log.info(`${place}: validation ${shown.join(', ')}`)
  const value = means[decisive]!
  const done = { ...at, validated: at.step }
  if (at.best !== null && !isBetter(value, at.best.value)) return done
  await saveWeights(checkpointFiles(checkpoints).best, network, {
    ...options.words,
    epoch: String(at.epoch + 1),
    [decisive]: String(value),
  })
  return { ...done, best: { step: at.step, value } }
}

/** NaN is no better than anything. */
function isBetter(value: number, than: number): boolean {
  return value > than || (Number.isNaN(than) && !Number.isNaN(value))
}

function summed(
  sums: Position['sums'],
  losses: Readonly<Record<string, number>>,
  images: number,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(losses).map(([name, loss]) => [name, (sums[name] ?? 0) + loss * images]),
  )
}
