/**
 * @file Steps of several processes, each with its share of the batch: gradients are summed bucket by bucket while backward
 * runs, weighted by the images behind them, so that the update is that of one process with the whole batch.
 */
import type { SampleBatch } from '../../data/batch-loader.ts'
import { randomStream } from '../../data/random.ts'
import type { Module } from '../../nn/index.ts'
import { manualSeed, onShare, scope } from '../../torch/index.ts'
import { stepFailure } from '../failures.ts'
import { differentiated, type StepLosses, type StepOptions, type Steps } from '../step.ts'
import type { Processes } from './processes.ts'

export interface SharedStepOptions<B extends SampleBatch> extends StepOptions<B> {
  readonly network: Module
  /** What each process draws at random depends on this, the step and its rank. */
  readonly seed?: number
  readonly signal: AbortSignal
}

/** A step that leaves some process without any image is left out by all. */
export function openSharedSteps<B extends SampleBatch>(
  options: SharedStepOptions<B>,
  { group, rank }: Pick<Processes, 'group' | 'rank'>,
): Steps<B> {
  const { network, optimiser, seed = 0, signal } = options
  const learning = new Set(optimiser.groups.flatMap(({ parameters }) => [...parameters.values()]))
  // backward reaches the last parameters first
  const leaves = [...network.parameters().values()]
    .reverse()
    .filter(one => learning.has(one) && one.requiresGrad)
  const reducer = group.reducer(leaves)
  return {
    async take(batch, { at, lr }) {
      const [images, empty] = (await group.sums([batch.size, batch.size === 0 ? 1 : 0])) as [number, number]
      if (empty > 0) return undefined
      manualSeed(randomStream(seed, at.step, rank).integer(0, 2 ** 31 - 1))
      const weight = batch.size / images
      reducer.begin(weight)
      const own = lossesOf(options, batch, { at, share: { group, own: batch.size, total: images } })
      await reducer.finish()
      optimiser.step(lr)
      optimiser.zeroGrad()
      const names = Object.keys(own)
      const sums = await group.sums([...names.map(name => weight * own[name]!), signal.aborted ? 1 : 0])
      const losses = Object.fromEntries(names.map((name, i) => [name, sums[i]!])) as StepLosses
      return { losses, images, stops: sums.at(-1)! > 0 }
    },
    close: () => reducer.close(),
  }
}

function lossesOf<B extends SampleBatch>(
  options: StepOptions<B>,
  batch: B,
  { at, share }: { at: Parameters<Steps<B>['take']>[1]['at']; share: Parameters<typeof onShare>[0] },
): StepLosses {
  try {
    return scope(() => onShare(share, () => differentiated(options, batch, at)()))
  } catch (error) {
    throw stepFailure(options, batch.size, error)
  }
}
