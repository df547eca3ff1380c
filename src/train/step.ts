/** @file One step of a training in one process: losses, backward, update. */
import type { SampleBatch } from '../data/batch-loader.ts'
import type { Losses } from '../nn/index.ts'
import type { Optimiser } from '../optim/index.ts'
import { autocast, backward, type Precision, scope } from '../torch/index.ts'
import { stepFailure, type TrainingNames } from './failures.ts'
import type { Place } from './length.ts'

/** What a step needs of its training. */
export interface StepOptions<B extends SampleBatch> extends TrainingNames {
  readonly losses: (batch: B, at: Place) => Losses
  readonly optimiser: Optimiser
  readonly precision: Precision
  readonly device: string
}

/** Losses by name, their total as `loss`. */
export type StepLosses = Record<'loss' | string, number> & { loss: number }

export interface StepDone {
  readonly losses: StepLosses
  /** Images of the step, those of other processes among them. */
  readonly images: number
  /** Whether some process was asked to stop; undefined where there are no others. */
  readonly stops?: boolean
}

export interface Steps<B extends SampleBatch> {
  /** One update from one batch; undefined when it was left out. */
  take(batch: B, step: { readonly at: Place; readonly lr: number }): Promise<StepDone | undefined>
  close(): void
}

/** Steps of one process. Running out of memory becomes an error that says how to make them smaller. */
export function openSteps<B extends SampleBatch>(options: StepOptions<B>): Steps<B> {
  const { optimiser } = options
  return {
    async take(batch, { at, lr }) {
      try {
        const losses = scope(() => {
          const read = differentiated(options, batch, at)
          optimiser.step(lr)
          optimiser.zeroGrad()
          return read()
        })
        return { losses, images: batch.size }
      } catch (error) {
        throw stepFailure(options, batch.size, error)
      }
    },
    close() {},
  }
}

/** Adds the gradients of a batch to the parameters; returns what reads its losses. */
export function differentiated<B extends SampleBatch>(
  { losses, precision, device }: StepOptions<B>,
  batch: B,
  { epoch, step }: Place,
): () => StepLosses {
  const { total, parts } = autocast({ precision, device }, () => losses(batch, { epoch, step }))
  backward(total)
  return () => ({
    loss: total.item(),
    ...Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.item()])),
  })
}
