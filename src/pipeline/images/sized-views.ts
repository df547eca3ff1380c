/** @file Network inference on images, each at a size that fits into memory, small ones of one size together. */
import type { Sample } from '../../data/sample.ts'
import { scaledSize } from '../../data/transforms/views.ts'
import { type ImageViews, loadViews, type ViewOptions } from '../../data/view-loader.ts'
import { InputError } from '../../errors.ts'
import { memoryBudget } from '../../io/available-memory.ts'
import { TOGETHER } from '../../models/encoder-memory.ts'
import { emptyCache, holdCasts, memory } from '../../torch/index.ts'
import type { Log } from '../../train/log.ts'
import type { Recipe } from '../recipe/schema.ts'
import { imageGroups } from './image-groups.ts'
import { type ImagePlanOptions, planImages, sizeWithin } from './image-plan.ts'
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
  /** Pixels of images that pass through the network together, views of the same size; at least one image. */
  readonly together?: number
  /** All images of the pass, done before or not: what goes together depends on them. Default: those to look at. */
  readonly among?: readonly Sample[]
  readonly log: Log
}

/** `working`: the size that the scales are relative to. */
export type SizedViews = ImageViews & { readonly working: Size }

/** Of images whose views have the same sizes; one result for each. */
export type Look<T> = (images: readonly SizedViews[]) => readonly Promise<T>[]

/**
 * Yields the results of `look`, in order. The network is done when `look` returns its promises; the rest may run on, as far
 * as memory allows. An image that runs out of memory is tried once more at half its size. Unusable images are reported and
 * left out, or thrown when `strict`; reduced ones are logged.
 */
export async function* lookAtImages<T>(
  samples: readonly Sample[],
  look: Look<T>,
  {
    load = loadViews,
    atOnce = 1,
    together = TOGETHER,
    among = samples,
    onBadImage,
    log,
    ...options
  }: LookOptions,
): AsyncGenerator<T, void> {
  const plan = planImages(options)
  const sizes = new Map<string, Size>()
  const open = new Set(samples.map(({ id }) => id))
  const pixelsOf = (own: Size): number => {
    const { width, height } = sizeWithin(options.longestSide, own)
    return width * height * Math.max(...options.scales) ** 2
  }
  const groups = await imageGroups(among, { open: samples, pixelsOf, together })
  const numbers = new Map(groups.flatMap((group, number) => group.map(({ id }) => [id, number] as const)))
  const leaveOut = (sample: Sample, error: InputError): void => {
    plan.forget(sample)
    if (open.has(sample.id)) onBadImage(sample, error)
  }
  const views = async function* (some: readonly Sample[], workers = options.workers ?? 1) {
    const fitOf = (sample: Sample, own: Size): number => {
      const fit = plan.fit(sample, own)
      sizes.set(sample.id, scaledSize(own, fit))
      return fit
    }
    for await (const loaded of load(some, { ...options, workers, fitOf, onBadImage: leaveOut })) {
      const working = sizes.get(loaded.sample.id) ?? loaded.image
      sizes.delete(loaded.sample.id)
      yield { ...loaded, working }
    }
  }
  const smaller = async (sample: Sample): Promise<T | undefined> => {
    plan.halve(sample)
    emptyCache()
    for await (const one of views([sample], 1)) return look([one])[0]
    return undefined
  }
  const alone = async (loaded: SizedViews): Promise<T | undefined> => {
    const { sample } = loaded
    try {
      return await tryTwice<T | undefined>(
        sample,
        async () => look([loaded])[0],
        () => smaller(sample),
      )
    } catch (error) {
      if (options.strict || !(error instanceof InputError)) throw error
      leaveOut(sample, error)
      return undefined
    }
  }
  /** What fails with others is tried alone. */
  const begin = (group: readonly SizedViews[]): readonly Promise<T | undefined>[] => {
    if (group.length === 1) return [alone(group[0]!)]
    try {
      return look(group).map((result, i) => result.catch(() => alone(group[i]!)))
    } catch {
      return group.map(alone)
    }
  }
  const waiting: Promise<T | undefined>[] = []
  const finished = async function* (most: number): AsyncGenerator<T> {
    while (waiting.length > most) {
      const result = await waiting.shift()
      if (result !== undefined) yield result
    }
  }
  const planned = ({ image: own, working, sample }: SizedViews) => ({ own, working, sample })
  const joins = (group: readonly SizedViews[], next: SizedViews): boolean =>
    numbers.get(group[0]!.sample.id) === numbers.get(next.sample.id) &&
    haveSameSizes(group[0]!, next) &&
    plan.hasRoom([...group, next].map(planned))
  const start = async (group: readonly SizedViews[]): Promise<void> => {
    const leave = await plan.enter(group.map(planned))
    const begun = begin(group)
    for (const result of begun) result.catch(() => undefined) // seen when its turn comes
    void Promise.allSettled(begun).then(leave)
    waiting.push(...begun.filter((_, i) => open.has(group[i]!.sample.id)))
  }
  let group: SizedViews[] = []
  const releaseCasts = holdCasts()
  try {
    for await (const loaded of views(groups.flat())) {
      if (group.length > 0 && !joins(group, loaded)) {
        yield* finished(atOnce - 1)
        await start(group)
        group = []
      }
      group.push(loaded)
    }
    if (group.length > 0) await start(group)
    yield* finished(0)
  } finally {
    releaseCasts()
    plan.tell(log)
  }
}

function haveSameSizes({ views: a }: SizedViews, { views: b }: SizedViews): boolean {
  return a.every(({ width, height }, i) => width === b[i]!.width && height === b[i]!.height)
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
