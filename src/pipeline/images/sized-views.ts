/** @file Network inference on images one after another, each at a size that fits into memory. */
import type { Sample } from '../../data/sample.ts'
import { scaledSize } from '../../data/transforms/views.ts'
import { type ImageViews, loadViews, type ViewOptions } from '../../data/view-loader.ts'
import { InputError } from '../../errors.ts'
import { memoryBudget } from '../../io/available-memory.ts'
import { emptyCache, memory } from '../../torch/index.ts'
import type { Log } from '../../train/log.ts'
import type { Recipe } from '../recipe/schema.ts'
import { type ImagePlanOptions, planImages } from './image-plan.ts'
import { tryTwice } from './out-of-memory.ts'
import type { Size } from './step-memory.ts'

export interface LookOptions
  extends ImagePlanOptions,
    Pick<ViewOptions, 'scales' | 'unit' | 'rounding' | 'normalisation' | 'withImage' | 'strict' | 'workers'> {
  readonly onBadImage: (sample: Sample, error: InputError) => void
  /** Reads and resizes images; default: from their files, in worker threads. */
  readonly load?: typeof loadViews
  /** Images in progress at the same time. */
  readonly atOnce?: number
  readonly log: Log
}

/** `working`: the size that the scales are relative to. */
export type SizedViews = ImageViews & { readonly working: Size }

/**
 * Yields the results of `look`, in order. The network is done when `look` returns its promise; the rest may run on, as far
 * as memory allows. An image that runs out of memory is tried once more at half its size. Unusable images are reported and
 * left out, or thrown when `strict`; reduced ones are logged.
 */
export async function* lookAtImages<T>(
  samples: readonly Sample[],
  look: (views: SizedViews) => Promise<T>,
  { load = loadViews, atOnce = 1, onBadImage, log, ...options }: LookOptions,
): AsyncGenerator<T, void> {
  const plan = planImages(options)
  const sizes = new Map<string, Size>()
  const leaveOut = (sample: Sample, error: InputError): void => {
    plan.forget(sample)
    onBadImage(sample, error)
  }
  const views = async function* (some: readonly Sample[], workers = options.workers ?? 1) {
    const fitOf = (sample: Sample, own: Size): number => {
      const fit = plan.fit(sample, own)
      sizes.set(sample.id, scaledSize(own, fit))
      return fit
    }
    for await (const loaded of load(some, { ...options, workers, fitOf, onBadImage: leaveOut }))
      yield { ...loaded, working: sizes.get(loaded.sample.id) ?? loaded.image }
  }
  const smaller = async (sample: Sample): Promise<T | undefined> => {
    plan.halve(sample)
    emptyCache()
    for await (const one of views([sample], 1)) return look(one)
    return undefined
  }
  const reported = async (loaded: SizedViews): Promise<T | undefined> => {
    const { sample } = loaded
    try {
      return await tryTwice<T | undefined>(
        sample,
        () => look(loaded),
        () => smaller(sample),
      )
    } catch (error) {
      if (options.strict || !(error instanceof InputError)) throw error
      leaveOut(sample, error)
      return undefined
    }
  }
  const waiting: Promise<T | undefined>[] = []
  const finished = async function* (most: number): AsyncGenerator<T> {
    while (waiting.length > most) {
      const result = await waiting.shift()
      if (result !== undefined) yield result
    }
  }
  try {
    for await (const loaded of views(samples)) {
      const { image: own, working, sample } = loaded
      yield* finished(atOnce - 1)
      const leave = await plan.enter({ own, working, sample })
      const work = reported(loaded).finally(leave)
      work.catch(() => undefined) // seen when its turn comes
      waiting.push(work)
    }
    yield* finished(0)
  } finally {
    plan.tell(log)
  }
}

/** Within `maps.longestSide` and the memory of the recipe. */
export function withinRecipe(
  { maps: { longestSide }, memory: most }: Pick<Recipe, 'maps' | 'memory'>,
  memoryOf: ImagePlanOptions['memoryOf'],
): Omit<ImagePlanOptions, 'title'> {
  return { longestSide, key: 'maps.longestSide', memoryOf, budget: () => freeMemory(most) }
}

/** Bytes free now, at most `most` megabytes. */
export function freeMemory(most: number | undefined): number {
  return memoryBudget({ cached: memory().cached, most })
}
