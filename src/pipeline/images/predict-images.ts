/** @file Labels of images from a trained segmentation network: one scale, several, and refined by the dense CRF. */
import type { Sample } from '../../data/sample.ts'
import { denormalise, type Normalisation } from '../../data/transforms/normalise.ts'
import type { ImageViews } from '../../data/view-loader.ts'
import type { RgbImage } from '../../io/image.ts'
import type { LabelMap } from '../../io/indexed-png.ts'
import type { LabelNetwork } from '../../models/label-network.ts'
import { bestLabels } from '../../models/segmentation/index.ts'
import { unaryFromScores } from '../../refine/crf-unary.ts'
import { crfThreads, denseCrf } from '../../refine/dense-crf.ts'
import { autocast, ops, type Precision, scope, type Tensor, tensor } from '../../torch/index.ts'
import { shownTo } from '../networks/build-segmentation.ts'
import type { PredictRecipe } from '../recipe/predict.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { Way } from '../stages/predict/prediction-file.ts'
import { freeMemory, type LookOptions, lookAtImages } from './sized-views.ts'
import { predictMemory } from './step-memory.ts'

export interface PredictOptions
  extends Pick<
      PredictRecipe,
      'scales' | 'flip' | 'combine' | 'alignCorners' | 'windows' | 'crf' | 'crfLabels' | 'longestSide'
    >,
    Pick<LookOptions, 'workers' | 'strict' | 'onBadImage' | 'load' | 'atOnce' | 'among' | 'log'> {
  readonly title?: string
  readonly normalisation: Normalisation
  /** Requested labels; ms-crf needs `crf`. */
  readonly ways: readonly Way[]
  /** Side of the training crop: the window of a Segmenter. */
  readonly cropSize: number
  /** Megabytes that images may take at once; default: the free memory. */
  readonly memory?: number | undefined
  /** Threads of the CRF; null: by the number of cores. */
  readonly threads?: number | null
  readonly device: string
  readonly precision: Precision
  /** Also yield the probabilities. */
  readonly withScores?: boolean
  /** Prior on the labels of an image; default: none. */
  readonly prior?: (sample: Sample) => Promise<LabelPrior>
}

/** The options of a recipe: its section `predict`, its device, its limits. */
export function lookOf(recipe: Recipe): Omit<PredictOptions, 'ways' | 'onBadImage' | 'log'> {
  const {
    predict,
    data: { workers },
    threads,
    device,
    precision,
    memory,
    strict,
  } = recipe
  return { ...predict, ...shownTo(recipe), workers, threads, device, precision, memory, strict }
}

/** Factors on the probabilities of some labels, each [height, width]; an image can hold no others. */
export interface LabelPrior {
  readonly width: number
  readonly height: number
  readonly factors: ReadonlyMap<number, Float32Array>
}

/** Probabilities by label, row and column: `data` is [labels, height, width]. */
export interface LabelScores {
  readonly labels: number
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** An image with its labels, all of the image's own size. */
export interface Prediction {
  readonly sample: Sample
  readonly image: RgbImage
  readonly labels: ReadonlyMap<Way, LabelMap>
  /** Over all views, at the size the network saw, before the CRF; only with `withScores`. */
  readonly scores: LabelScores | undefined
}

const IN_FLIGHT = 4 // images whose CRF is running or waits: each holds a float for every pixel and label

/**
 * Yields the images in order. The CRF runs on other threads while the network predicts the next images, as many as memory
 * allows. Images that are unreadable or too large for memory are reported and left out, or thrown when `strict`. The network
 * must be in eval mode.
 */
export function predictImages(
  network: LabelNetwork,
  samples: readonly Sample[],
  options: PredictOptions,
): AsyncGenerator<Prediction, void> {
  return lookAtImages(samples, images => predictTogether(network, images, options), {
    title: 'predict',
    ...options,
    key: 'predict.longestSide',
    scales: [1],
    memoryOf: sizes => predictMemory(options, network, sizes),
    budget: () => freeMemory(options.memory),
    atOnce: inFlight(options),
  })
}

function inFlight({ threads, atOnce = IN_FLIGHT }: PredictOptions): number {
  return Math.min(atOnce, crfThreads(threads))
}

/** Without a prior the network's part is done when the promises are returned; the CRF may still run. */
function predictTogether(
  network: LabelNetwork,
  images: readonly ImageViews[],
  options: PredictOptions,
): readonly Promise<Prediction>[] {
  const { prior } = options
  if (prior === undefined) {
    const seen = seenBy(network, images, options)
    return images.map((image, i) => predictionOf(image, seen[i]!, options))
  }
  const all = Promise.all(images.map(({ sample }) => prior(sample)))
  const seen = all.then(priors => seenBy(network, images, { ...options, priors }))
  return images.map(async (image, i) => predictionOf(image, (await seen)[i]!, options))
}

/** What the network makes of an image; `chosen`: what the CRF starts from. */
interface Seen {
  readonly labels: Map<Way, LabelMap>
  readonly scores: LabelScores | undefined
  readonly chosen: ChosenScores | undefined
}

function seenBy(
  network: LabelNetwork,
  images: readonly ImageViews[],
  options: PredictOptions & { readonly priors?: readonly LabelPrior[] },
): Seen[] {
  const { ways, device, precision, priors } = options
  return scope(() => {
    const inputs = images.map(({ views: [view] }) => tensor(view!.data, [1, 3, view!.height, view!.width]))
    const input = ops.cat(inputs).to({ device })
    const { single, multi } = autocast({ precision, device }, () => network.probabilities(input, options))
    return images.map(({ image }, i) => {
      const labels = new Map<Way, LabelMap>()
      const prior = priors?.[i]
      const known = (scores: Tensor): Tensor => {
        const own = scores.select(0, i)
        return prior === undefined ? own : withPrior(own, prior)
      }
      if (ways.includes('single')) labels.set('single', bestLabels(known(single), image))
      const all = known(multi)
      if (ways.includes('ms')) labels.set('ms', bestLabels(all, image))
      const keys = prior && [...prior.factors.keys()]
      return {
        labels,
        scores: options.withScores ? labelScores(all) : undefined,
        chosen: ways.includes('ms-crf') ? chosenScores(all, { ...options, keys }) : undefined,
      }
    })
  })
}

/** scores [labels, H, W] */
function labelScores(scores: Tensor): LabelScores {
  const [labels, height, width] = scores.shape as [number, number, number]
  return { labels, width, height, data: scores.toFloat32Array() }
}

async function predictionOf(
  { sample, image, views }: ImageViews,
  { labels, scores, chosen }: Seen,
  options: PredictOptions,
): Promise<Prediction> {
  const { crf, normalisation } = options
  if (chosen === undefined || crf === null) return { sample, image, labels, scores }
  const view = views[0]!
  const whole = view.width === image.width && view.height === image.height
  const seen = whole ? image : denormalise(view, normalisation)
  const { keys, planes } = chosen
  const refined = await denseCrf({
    image: seen,
    unary: unaryFromScores(planes),
    name: sample.id,
    threads: Math.floor(crfThreads(options.threads) / inFlight(options)),
    ...crf,
  })
  scope(() => {
    const best = bestLabels(tensor(refined, [keys.length, seen.height, seen.width]), image)
    labels.set('ms-crf', { ...best, data: best.data.map(index => keys[index]!) })
  })
  return { sample, image, labels, scores }
}

/** Probabilities times the prior; not normalised. scores [labels, H, W] */
function withPrior(scores: Tensor, { width, height, factors }: LabelPrior): Tensor {
  const area = width * height
  const planes = new Float32Array(scores.size(0) * area)
  for (const [label, plane] of factors) planes.set(plane, label * area)
  const known = tensor(planes, [1, scores.size(0), height, width]).to({ device: scores.device })
  return scores.mul(ops.upsampleBilinear2d(known, scores.shape.slice(1), false).select(0, 0))
}

/** The labels that the CRF chooses from, and their scores one after the other. */
interface ChosenScores {
  readonly keys: readonly number[]
  readonly planes: Float32Array
}

/** scores [labels, H, W] */
function chosenScores(
  scores: Tensor,
  { crfLabels, keys: allowed }: Pick<PredictOptions, 'crfLabels'> & { keys: readonly number[] | undefined },
): ChosenScores {
  const [labels, height, width] = scores.shape as [number, number, number]
  const planes = scores.toFloat32Array()
  const all = allowed ?? Array.from({ length: labels }, (_, label) => label)
  const present = crfLabels === 'best' ? new Set(bestLabels(scores, { width, height }).data) : undefined
  const keys = all.filter(label => present?.has(label) ?? true)
  if (allowed === undefined && keys.length === labels) return { keys, planes }
  const area = height * width
  const chosen = new Float32Array(keys.length * area)
  for (const [i, label] of keys.entries())
    chosen.set(planes.subarray(label * area, (label + 1) * area), i * area)
  return { keys, planes: chosen }
}
