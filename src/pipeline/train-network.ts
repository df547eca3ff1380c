/** @file The training loop as a stage runs it: device, precision and checkpoints of the recipe, an abort told as the stage's. */
import type { SampleBatch } from '../data/batch-loader.ts'
import { TrainingStopped, type TrainOptions, train } from '../train/loop.ts'
import { Interrupted, type StageContext } from './stage.ts'

/** What every section that trains says of the loop. */
type LoopSettings = Pick<
  TrainOptions<SampleBatch>,
  'epochs' | 'checkpointMinutes' | 'checkpointSteps' | 'logEvery'
>

type NetworkOptions<B extends SampleBatch> = Omit<
  TrainOptions<B>,
  keyof LoopSettings | 'precision' | 'device' | 'signal' | 'log'
>

/** Trains as the section `settings` says. Throws Interrupted after an abort; the state is saved. */
export async function trainNetwork<B extends SampleBatch>(
  { recipe: { precision, device }, signal, log }: StageContext,
  { epochs, checkpointMinutes, checkpointSteps, logEvery }: LoopSettings,
  options: NetworkOptions<B>,
): Promise<void> {
  try {
    await train({
      ...options,
      epochs,
      checkpointMinutes,
      checkpointSteps,
      logEvery,
      precision,
      device,
      signal,
      log,
    })
  } catch (error) {
    throw error instanceof TrainingStopped ? new Interrupted(error.message) : error
  }
}
