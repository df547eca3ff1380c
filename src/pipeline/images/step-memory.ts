/** @file Bytes that a step on one image takes in addition to the network, estimated in advance. Measured as peaks on images of 0.2 to 3 megapixels. */
import { denseMemory, edgeMemory, TOGETHER } from '../../models/encoder-memory.ts'
import type { LabelNetwork } from '../../models/label-network.ts'
import { MAX_RATIO } from '../../models/segmenter/inference.ts'
import { enlargedSize } from '../../models/segmenter/windows.ts'
import { crfMemory } from '../../refine/crf-memory.ts'
import { backboneShape } from '../recipe/backbone.ts'
import { encoderOf, methodOf } from '../recipe/method.ts'
import { affinityStride } from '../recipe/refine.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { PredictOptions } from './predict-images.ts'

export interface Size {
  readonly width: number
  readonly height: number
}

/** The parts of a recipe that it depends on. */
export type MemorySettings = Pick<Recipe, 'method' | 'model' | 'maps' | 'precision' | 'device'>

const FLOAT = 4

/**
 * Bytes of the CAMs of one image: `working` the size that scales are relative to, `own` its own, `tags` the number of
 * CAMs. On a GPU the host's part alone.
 */
export function mapsMemory(
  recipe: MemorySettings,
  { own, working, tags, classes }: { own: Size; working: Size; tags: number; classes: number },
): number {
  const { maps, precision, device } = recipe
  const { patchSize } = encoderOf(recipe)
  const batch = maps.flip ? 2 : 1
  const views = maps.scales.map(scale => ({
    width: Math.max(patchSize, Math.round(working.width * scale)),
    height: Math.max(patchSize, Math.round(working.height * scale)),
  }))
  const inputs = 3 * FLOAT * views.reduce((sum, { width, height }) => sum + width * height, 0)
  const host = inputs + ownSizeMemory({ own, working, tags })
  if (device !== 'cpu') return host
  const looks = views.map(size => {
    const bytes = methodOf(recipe).mapsMemory(recipe, { size, batch, precision, classes })
    return bytes + 3 * FLOAT * batch * size.width * size.height
  })
  const summed = FLOAT * tags * working.width * working.height * (batch + 4)
  return host + inputs + Math.max(...looks) + summed
}

/** Bytes of an image and its CAMs at their own size: the pixels twice, the CAMs in half precision, one of them in single. */
function ownSizeMemory({ own, working, tags }: { own: Size; working: Size; tags: number }): number {
  const pixels = own.width * own.height
  const decoded = 6 * pixels
  return working.width === own.width && working.height === own.height
    ? decoded
    : decoded + pixels * (2 * tags + 4 * FLOAT)
}

/** Bytes of the affinities of an image and the random walk of its CAMs. */
export function walkMemory(
  recipe: MemorySettings & Pick<Recipe, 'affinity' | 'refine'>,
  { own, working, tags }: { own: Size; working: Size; tags: number },
): number {
  const { precision, device, affinity } = recipe
  const pixels = working.width * working.height
  const shape = backboneShape(affinity.backbone, recipe)
  const edge = affinity.network === 'edge' // an image and its flip, as large as the training crop
  const side = (length: number): number => (edge ? Math.max(affinity.cropSize, length) : length)
  const size = { width: side(working.width), height: side(working.height) }
  const bytes = edge ? edgeMemory(shape, { size, precision }) : denseMemory(shape, { size, precision }).bytes
  const stride = affinityStride(recipe)
  const radius = recipe.refine.walk.radius ?? affinity.radius
  const offsets = (Math.PI / 2) * radius ** 2
  const walk = (pixels / stride ** 2) * offsets * (2 * FLOAT + 8)
  const read = FLOAT * pixels * (3 + tags) // the normalised image and its CAMs, as they are given
  const maps = 3 * FLOAT * pixels * (tags + 1)
  return (device === 'cpu' ? bytes : 0) + read + walk + maps + ownSizeMemory({ own, working, tags })
}

/** Bytes of labelling one image at several scales. */
export function predictMemory(
  {
    precision,
    device,
    scales,
    flip,
    windows,
    cropSize,
    crf,
    ways,
  }: Pick<
    PredictOptions,
    'precision' | 'device' | 'scales' | 'flip' | 'windows' | 'cropSize' | 'crf' | 'ways'
  >,
  { labels, shape }: Pick<LabelNetwork, 'labels' | 'shape'>,
  { own, working }: { own: Size; working: Size },
): number {
  const pixels = working.width * working.height
  const planes = FLOAT * labels * pixels
  const inputs = 3 * FLOAT * pixels
  const same = working.width === own.width && working.height === own.height
  const base = (same ? 7 : 26) * own.width * own.height + 2 * inputs
  const refined = crf !== null && ways.includes('ms-crf') ? crfMemory({ pixels, labels }) + planes : 0
  if (device !== 'cpu') return base + 2 * planes + refined
  const [short, long] = [Math.min(working.width, working.height), Math.max(working.width, working.height)]
  const { shortSide } = windows
  const side = windows.side ?? cropSize
  const start = shape.windows && shortSide !== null ? shortSide * Math.min(1 / short, MAX_RATIO / long) : 1
  const batch = shape.windows && flip ? 2 : 1
  const looks = [1, ...scales].map(scale => {
    const factor = start * scale
    const view = { width: working.width * factor, height: working.height * factor }
    if (!shape.windows) return shape.memory({ size: view, precision }) + inputs * factor ** 2
    const windowed = side === 'whole' ? view : { width: side, height: side }
    const whole = side === 'whole' ? view : enlargedSize(view, side)
    const bytes = shape.memory({ size: windowed, precision })
    const area = whole.width * whole.height
    const inWindow = windowed.width * windowed.height
    const windows = area > inWindow ? Math.floor(TOGETHER / (batch * inWindow)) : 1
    const logits = FLOAT * labels * inWindow
    const together = batch * Math.max(1, windows) * (bytes + logits)
    return Math.max(together, 4 * FLOAT * labels * area) + 3 * FLOAT * batch * area
  })
  return base + Math.max(Math.max(...looks) + (shape.windows ? 6 : 5) * planes, 2 * planes + refined)
}
