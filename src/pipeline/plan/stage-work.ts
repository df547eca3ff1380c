/**
 * @file The work of each stage of a recipe, by formulas: nothing is built, read or measured. The constants are fitted to runs whose
 * stages' times are known. Imports no torch.
 */

import { type BackboneName, backboneShape } from '../recipe/backbone.ts'
import { autoencoderOf, encoderOf, methodOf, viewsOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import { firstTraining } from '../recipe/segment.ts'
import type { StageName } from '../run/stage.ts'
import { stageNames } from '../stages/list.ts'
import { batchesOf } from '../training/training-length.ts'
import {
  addWork,
  headWork,
  mitWork,
  type NetworkWork,
  type Pixels,
  resnetWork,
  timesWork,
  vitWork,
} from './network-work.ts'

/** The images of a run. */
export interface WorkSize extends Pixels {
  /** Training images, of the mean `width` and `height`. */
  readonly images: number
  readonly valImages: number
  /** Foreground classes of the data set. */
  readonly classes: number
}

export interface StageWorkload {
  readonly stage: StageName
  /** Of matrix products: two a multiply-add, three times as many in training. */
  readonly flops: number
  /** Share of a machine's rate of matrix products that networks so narrow reach, at most 1. */
  readonly efficiency: number
  /** How often an image is worked on: in each epoch, or once. */
  readonly images: number
  /** On one core, beside the products: reading, augmenting, norms, resizing, CRF, writing. */
  readonly perImageSeconds: number
}

/** Of one stage, before it is summed up. */
interface Part {
  readonly images: number
  readonly network: NetworkWork
  readonly seconds: number
}

const TAGS = 1.5 // classes of an image
const TRAINING = 3 // forward and twice that backward
const VALUE = 0.7e-9 // seconds a value that is no product, forward
const START = 1 // seconds until a stage works
/** Seconds an image, and a pixel of it. */
const READ = { image: 1e-3, pixel: 15e-9 }
const AUGMENT = { image: 5e-4, pixel: 12e-9 }
const CAMS = { image: 12e-3, pixel: 70e-9 } // resized, summed over views, written
const SCORE = { image: 3e-3, pixel: 50e-9 }
const CRF = { image: 15e-3, pixel: 36e-9 } // of an iteration, up to six labels
const WALK = 2e-6 // a pixel
const LOSS = 14e-9 // a pixel and label, of the segmentation loss at full size
const PREDICT = 0.03
const RESULT = { image: 3e-3, pixel: 90e-9 } // read, drawn over, encoded
const REPORT = 0.05
const PARALLEL = 0.7 // of the cores, as a power: parts of such work wait for one another

/** The stages of the recipe with work, in order. The recipe's batches are taken as they are: fit them first. */
export function estimateWork(recipe: Recipe, size: WorkSize): readonly StageWorkload[] {
  const parts: Readonly<Record<StageName, () => Part[]>> = {
    autoencoder: () => autoencoderParts(recipe, size),
    train: () => trainParts(recipe, size),
    maps: () => [{ images: size.images, ...lookForCams(recipe, size) }],
    evaluate: () => [fixed(size.images, over(SCORE, size))],
    affinity: () => affinityParts(recipe, size),
    refine: () => [fixed(size.images, refineSeconds(recipe, size))],
    segment: () => segmentParts(recipe, size),
    predict: () => [{ images: size.valImages, ...predictionOf(recipe, size) }],
    result: () => [fixed(size.images + size.valImages, over(RESULT, size))],
    report: () => [fixed(recipe.report.images, REPORT)],
  }
  return stageNames(recipe).map(stage => summed(stage, parts[stage]?.() ?? []))
}

function summed(stage: StageName, parts: readonly Part[]): StageWorkload {
  const network = addWork(parts.map(part => timesWork(part.network, part.images)))
  const images = Math.max(1, ...parts.map(part => part.images))
  const seconds = parts.reduce((sum, part) => sum + part.images * part.seconds, START)
  return {
    stage,
    flops: network.flops,
    efficiency: efficiencyOf(network.channels),
    images,
    perImageSeconds: (seconds + network.values * VALUE) / images,
  }
}

/** Linear layers of 384 channels reach nearly nine tenths of the rate of large products, of 96 six tenths. */
function efficiencyOf(channels: number): number {
  return channels / (channels + 60)
}

function fixed(images: number, seconds: number): Part {
  return { images, seconds, network: { flops: 0, values: 0, channels: 1 } }
}

function over({ image, pixel }: { image: number; pixel: number }, { width, height }: Pixels): number {
  return image + pixel * width * height
}

function square(side: number): Pixels {
  return { width: side, height: side }
}

function scaled({ width, height }: Pixels, scale: number): Pixels {
  return { width: width * scale, height: height * scale }
}

function within(size: Pixels, longest: number): Pixels {
  return scaled(size, Math.min(1, longest / Math.max(size.width, size.height)))
}

/** Images that a training sees: the epochs of its section, more where they have too few steps. */
export function imagesSeen(
  length: { epochs: number | null; steps: number | null; batchSize: number; dropLast: boolean },
  images: number,
): number {
  const { epochs, steps, batchSize, dropLast } = length
  const batches = batchesOf(images, length)
  const inEpoch = dropLast ? batches * batchSize : images
  if (epochs === null) return (steps ?? 0) * Math.min(batchSize, images)
  return inEpoch * Math.max(epochs, Math.ceil((steps ?? 0) / batches))
}

/** One forward pass of the network that the method trains. */
function encoderWork(recipe: Recipe, at: Pixels, classes: number): NetworkWork {
  const { vit, mit } = encoderOf(recipe)
  if (vit !== undefined) return vitWork(vit, { ...at, classTokens: vit.tokenPerClass ? classes : 1 })
  return mit === undefined ? vitWork(NO_VIT, { ...at, classTokens: 1 }) : mitWork(mit, { ...at, joined: 256 })
}

const NO_VIT = { embedDim: 384, depth: 12, heads: 6, patchSize: 16, mlpRatio: 4, dropPath: 0 }

function trainParts(recipe: Recipe, { images, valImages, classes, ...at }: WorkSize): Part[] {
  const { train } = recipe
  const crop = square(encoderOf(recipe).imageSize)
  const pass = encoderWork(recipe, crop, classes)
  const views = viewsOf(recipe).length
  const further = methodOf(recipe).furtherPasses?.(recipe, { tags: TAGS }) ?? 0
  const seen = imagesSeen(train, images)
  const step: Part = {
    images: seen,
    network: timesWork(pass, TRAINING * (views + further)),
    seconds: over(READ, at) + views * over(AUGMENT, crop),
  }
  const every = train.validateEvery
  const length = train.epochs === null ? (train.steps ?? 0) : train.epochs
  const looks = every === 0 ? 0 : Math.floor(length / every)
  const judge: Part = { images: looks * valImages, network: pass, seconds: over(READ, at) }
  return [step, ...(judge.images > 0 ? [judge] : [])]
}

function autoencoderParts(recipe: Recipe, { images, valImages, ...at }: WorkSize): Part[] {
  const found = autoencoderOf(recipe)
  if (found === undefined || found.encoder.vit === undefined) return []
  const { settings, encoder } = found
  const crop = square(encoder.imageSize)
  const decoder = 'decoder' in settings ? (settings.decoder as { width: number; depth: number }) : undefined
  const encode = vitWork(encoder.vit!, { ...crop, classTokens: 1 })
  const decode =
    decoder === undefined
      ? timesWork(encode, 0)
      : vitWork(
          { ...encoder.vit!, embedDim: decoder.width, depth: decoder.depth },
          { ...crop, classTokens: 0 },
        )
  const pass = addWork([encode, decode])
  const looks = settings.validateEvery === 0 ? 0 : Math.floor((settings.epochs ?? 0) / settings.validateEvery)
  return [
    {
      images: imagesSeen(settings, images),
      network: timesWork(pass, TRAINING),
      seconds: over(READ, at) + over(AUGMENT, crop),
    },
    { images: looks * (valImages || images), network: encode, seconds: over(READ, at) },
  ]
}

/** All views of an image for its CAMs. */
function lookForCams(recipe: Recipe, { classes, ...size }: WorkSize): Omit<Part, 'images'> {
  const at = within(size, recipe.maps.longestSide)
  const { scales, flip } = recipe.maps
  const views = scales.map(scale => encoderWork(recipe, scaled(at, scale), classes))
  const network = timesWork(addWork(views), flip ? 2 : 1)
  // attention is read and summed besides
  return {
    network: { ...network, values: 3 * network.values },
    seconds: over(READ, size) + over(CAMS, at) * Math.sqrt(scales.length),
  }
}

function crfSeconds(
  at: Pixels,
  { labels, iterations = 10 }: { labels: number; iterations?: number },
): number {
  return CRF.image + CRF.pixel * iterations * at.width * at.height * Math.max(1, labels / 6)
}

function refineSeconds({ refine, maps }: Recipe, size: WorkSize): number {
  const at = within(size, maps.longestSide)
  const { method } = refine
  const walk = method.startsWith('affinity') ? WALK * at.width * at.height : 0
  const crf = method.endsWith('crf') || method === 'par' ? crfSeconds(at, { labels: TAGS + 1 }) : 0
  return over(READ, size) + over(SCORE, size) + walk + crf
}

/** One forward pass of a backbone of later stages, without head. */
function backboneWork(name: BackboneName, recipe: Recipe, at: Pixels): NetworkWork {
  const shape = backboneShape(name, recipe)
  if (shape !== undefined) return vitWork(shape, { ...at, classTokens: 1 })
  return resnetWork(name === 'resnet50' ? 'resnet50' : 'resnet38', at)
}

function affinityParts(recipe: Recipe, { images, ...size }: WorkSize): Part[] {
  const { affinity } = recipe
  const at = within(size, recipe.maps.longestSide)
  const crop = square(affinity.cropSize)
  const pass = backboneWork(affinity.backbone, recipe, crop)
  const steps = {
    images: imagesSeen(affinity, images),
    network: timesWork(pass, affinity.network === 'edge' ? 1.5 : TRAINING), // the backbone of edges does not learn
    seconds: over(READ, size) + over(AUGMENT, crop),
  }
  const walk = { images, network: backboneWork(affinity.backbone, recipe, at), seconds: 0 }
  return [fixed(images, 2 * crfSeconds(at, { labels: TAGS + 1 })), steps, walk]
}

function segmentParts(recipe: Recipe, { images, classes, ...size }: WorkSize): Part[] {
  const { segment } = recipe
  if (segment === null) return []
  const crop = square(segment.cropSize)
  const labels = classes + 1
  const step = (settings: typeof segment): Part => ({
    images: imagesSeen(settings, images),
    network: timesWork(labelling(recipe, crop, settings.network), TRAINING),
    seconds: over(READ, size) + 2 * over(AUGMENT, crop) + LOSS * labels * crop.width * crop.height,
  })
  const { retrain } = segment
  if (retrain === null) return [step(segment)]
  const at = within(size, recipe.predict.longestSide)
  const first = firstTraining(segment)
  const views = retrain.scales.map(scale => labelling(recipe, scaled(at, scale), first.network))
  const label: Part = {
    images: images * retrain.rounds,
    network: timesWork(addWork(views), 2),
    seconds:
      over(READ, size) +
      over(SCORE, size) +
      (retrain.crf === null ? 0 : crfSeconds(at, { labels: TAGS + 1 })),
  }
  const rounds = Array.from({ length: retrain.rounds }, () => step(first))
  return [...rounds, label, step(segment)]
}

/** One forward pass of the network that labels images. */
function labelling(recipe: Recipe, at: Pixels, network: 'convolutional' | 'segmenter'): NetworkWork {
  const { segment } = recipe
  if (segment === null) return encoderWork(recipe, at, 1)
  const shape = backboneShape(segment.backbone, recipe)
  const body = backboneWork(segment.backbone, recipe, at)
  if (shape === undefined) return body
  const head =
    network === 'segmenter'
      ? vitWork({ ...shape, depth: 2 }, { ...at, classTokens: 21 })
      : headWork(shape, at)
  return addWork([body, head])
}

function predictionOf(recipe: Recipe, { classes, ...size }: WorkSize): Omit<Part, 'images'> {
  const { predict, segment } = recipe
  const at = within(size, predict.longestSide)
  const network = segment?.network ?? 'convolutional'
  const ways = [1, ...predict.scales].map(scale => labelling(recipe, scaled(at, scale), network))
  const labels = predict.crfLabels === 'best' ? TAGS + 1 : classes + 1
  return {
    network: timesWork(addWork(ways), predict.flip ? 2 : 1),
    seconds:
      over(READ, size) +
      PREDICT +
      3 * over(SCORE, size) +
      (predict.crf === null ? 0 : crfSeconds(at, { labels })),
  }
}

export interface Machine {
  /** Rate of large matrix products, GFLOP/s, of all cores. */
  readonly gflops: number
  readonly cores: number
}

/** Seconds of a stage on a machine. */
export function secondsOf(work: StageWorkload, { gflops, cores }: Machine): number {
  return (
    work.flops / (gflops * 1e9 * work.efficiency) + (work.images * work.perImageSeconds) / cores ** PARALLEL
  )
}
