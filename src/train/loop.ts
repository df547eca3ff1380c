/** @file The training loop, readable from top to bottom. Killed at any moment, it goes on as if it had never stopped. */
import { setImmediate } from 'node:timers/promises'
import type { Batch, BatchLoader } from '../data/loader.ts'
import { TagmaskError } from '../errors.ts'
import type { Method } from '../methods/method.ts'
import type { Optimiser } from '../optim/index.ts'
import { autocast, backward, type Precision, scope, tensor } from '../torch/index.ts'
import { checkpointFiles, loadState, type Position, saveState, saveWeights } from './checkpoint.ts'
import type { Log } from './log.ts'
import { type MetricsWriter, openMetrics } from './metrics.ts'
import { validate } from './validate.ts'

export interface TrainOptions {
  readonly method: Method
  readonly optimiser: Optimiser
  /** Learning rate from the epoch, the step, and the steps in an epoch. */
  readonly learningRate: (at: { epoch: number; step: number }) => number
  readonly loader: BatchLoader
  /** Pictures with tags to validate on, and how often (epochs; 0: never). */
  readonly validation?: { readonly loader: BatchLoader; readonly every: number } | undefined
  readonly numClasses: number
  readonly imageSize: number
  readonly epochs: number
  readonly precision: Precision
  readonly device: string
  /** Folder of the checkpoints, and the file of the metrics. */
  readonly checkpoints: string
  readonly metrics: string
  readonly checkpointMinutes: number
  readonly checkpointSteps: number | null
  /** Steps between two records in the metrics. */
  readonly logEvery: number
  readonly signal: AbortSignal
  readonly log: Log
}

/** A training that was stopped by its signal after it saved its state. */
export class TrainingStopped extends TagmaskError {
  override readonly name = 'TrainingStopped'
}

const START: Position = { epoch: 0, batch: 0, step: 0, sums: {}, pictures: 0, best: null }

/**
 * Trains to the last epoch, from the checkpoint if there is one. Throws TrainingStopped after an abort (the state is
 * saved) and TagmaskError when a loss is not finite (the last checkpoint stays).
 */
export async function train(options: TrainOptions): Promise<void> {
  const { method, optimiser, loader, epochs, checkpoints, signal, log } = options
  const state = { network: method.network, optimiser }
  let at = (await loadState(checkpoints, state)) ?? START
  if (at.step > 0) log.info(`train: going on at epoch ${at.epoch + 1}, batch ${at.batch + 1}`)
  const metrics = await openMetrics(options.metrics, { resumeStep: at.step })
  const progress = log.progress({
    title: 'train',
    total: epochs * loader.batches,
    start: at.step,
    unit: 'steps',
  })
  let saved = Date.now()
  try {
    method.network.train()
    for (; at.epoch < epochs; at = await endEpoch(options, at, metrics)) {
      const began = { time: Date.now(), pictures: at.pictures }
      for await (const batch of loader.epoch(at.epoch, { startBatch: at.batch })) {
        const lr = options.learningRate({ epoch: at.epoch, step: at.step })
        const losses = trainStep(options, batch, lr)
        if (!Number.isFinite(losses.loss)) throw notFinite(at, lr)
        if (at.step % options.logEvery === 0) {
          await metrics.append({ kind: 'step', step: at.step, epoch: at.epoch, lr, ...losses })
        }
        at = {
          ...at,
          batch: batch.index + 1,
          step: at.step + 1,
          sums: summed(at.sums, losses, batch.size),
          pictures: at.pictures + batch.size,
        }
        progress.update(at.step, { epoch: `${at.epoch + 1}/${epochs}`, ...losses, lr })
        await setImmediate() // lets signals and decoded pictures in
        const due =
          Date.now() - saved > options.checkpointMinutes * 60_000 ||
          at.step % (options.checkpointSteps ?? Infinity) === 0
        if (due || signal.aborted) {
          await saveState(checkpoints, state, at)
          saved = Date.now()
        }
        if (signal.aborted) throw new TrainingStopped(`epoch ${at.epoch + 1}, step ${at.step}`)
      }
      const seconds = (Date.now() - began.time) / 1000
      const rate = (at.pictures - began.pictures) / seconds
      const means = Object.fromEntries(
        Object.entries(at.sums).map(([name, sum]) => [name, sum / at.pictures]),
      )
      await metrics.append({
        kind: 'epoch',
        step: at.step - 1,
        epoch: at.epoch,
        ...means,
        'pictures/s': rate,
      })
    }
    await saveWeights(checkpointFiles(checkpoints).last, method.network, { epochs: String(epochs) })
  } finally {
    progress.finish()
    await metrics.close()
  }
}

/** One update from one batch; returns the losses by name, their total as `loss`. */
function trainStep(
  { method, optimiser, precision, device, imageSize, numClasses }: TrainOptions,
  batch: Batch,
  lr: number,
): Record<'loss' | string, number> & { loss: number } {
  return scope(() => {
    const images = tensor(batch.images, [batch.size, 3, imageSize, imageSize]).to({ device })
    const targets = tensor(batch.targets, [batch.size, numClasses]).to({ device })
    const { total, parts } = autocast({ precision, device }, () => method.losses(images, targets))
    backward(total)
    optimiser.step(lr)
    optimiser.zeroGrad()
    return {
      loss: total.item(),
      ...Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.item()])),
    }
  })
}

/** Validates, keeps the best weights, and saves the state at the start of the next epoch. */
async function endEpoch(options: TrainOptions, at: Position, metrics: MetricsWriter): Promise<Position> {
  const { method, optimiser, validation, checkpoints, epochs, log } = options
  let { best } = at
  const epoch = at.epoch + 1
  if (
    validation !== undefined &&
    validation.every > 0 &&
    (epoch % validation.every === 0 || epoch === epochs)
  ) {
    const means = await validate(method, validation.loader, options)
    await metrics.append({ kind: 'validation', step: at.step - 1, epoch: at.epoch, ...means })
    const value = means['mAP class-wise']
    log.info(
      `epoch ${epoch}: validation mAP class-wise ${value.toFixed(2)}, mAP per image ${means['mAP per image'].toFixed(2)}`,
    )
    if (best === null || value > best.value) {
      best = { epoch: at.epoch, value }
      await saveWeights(checkpointFiles(checkpoints).best, method.network, {
        epoch: String(epoch),
        'mAP class-wise': String(value),
      })
    }
  }
  const next: Position = { epoch, batch: 0, step: at.step, sums: {}, pictures: 0, best }
  await saveState(checkpoints, { network: method.network, optimiser }, next)
  return next
}

function summed(
  sums: Position['sums'],
  losses: Readonly<Record<string, number>>,
  pictures: number,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(losses).map(([name, loss]) => [name, (sums[name] ?? 0) + loss * pictures]),
  )
}

function notFinite({ epoch, step }: Position, lr: number): TagmaskError {
  return new TagmaskError(
    `the loss is not finite in epoch ${epoch + 1}, step ${step}, at learning rate ${lr}; ` +
      'lower train.optimiser.lr or use --precision fp32, then run again: training goes on from the last checkpoint',
  )
}
