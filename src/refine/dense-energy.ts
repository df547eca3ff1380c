/** @file The dense energy (regularised) loss of a segmentation network: a CRF's pairwise energy of its own probabilities. */
import { IMAGENET, type Normalisation } from '../data/transforms/normalise.ts'
import type { RgbImage } from '../io/image.ts'
import { IGNORE } from '../io/label-values.ts'
import { noGrad, ops, scope, type Tensor, tensor } from '../torch/index.ts'
import { type BilateralFilterKind, bilateralFilter } from './bilateral-filter.ts'
import { cutToBox, type ImageBox } from './image-box.ts'

export interface DenseEnergyOptions {
  /** Normalised [B, 3, H, W]. */
  readonly images: Tensor
  /** What the network is trained on [B, H, W], 255 where it is not known. */
  readonly labels: Tensor
  /** Pixels outside take no part. */
  readonly boxes?: readonly ImageBox[]
  readonly weight?: number
  /** Standard deviations, grey levels and pixels of the image. */
  readonly srgb?: number
  readonly sxy?: number
  /** Size at which the energy is worked out, of the image's. */
  readonly scale?: number
  readonly filter?: BilateralFilterKind
  readonly normalise?: Normalisation
}

/**
 * -weight <S, A S G> / B: S the softmax of logits [B, K, H, W] within the boxes, A the bilateral filter, G how little is known of a
 * pixel, 1 - max S, and 1 where it has no label (Tang et al. 2018; AFA, utils/losses.py, DenseEnergyLoss). Its gradient holds
 * A S G fixed and counts it twice, as there. Throws InputError.
 */
export function denseEnergy(
  logits: Tensor,
  { weight = 1e-7, scale = 0.5, ...options }: DenseEnergyOptions,
): Tensor {
  return scope(() => {
    const size = logits.shape.slice(2).map(side => Math.max(1, Math.floor(side * scale)))
    const probabilities = ops.upsampleBilinear2d(logits.softmax(1), size, false, {
      scalesH: scale,
      scalesW: scale,
    })
    const { inside, gated } = noGrad(() => gatedSums(probabilities.detach(), { scale, ...options }))
    const share = probabilities.mul(inside)
    const energy = share
      .mul(gated)
      .sum()
      .mul(-weight / logits.size(0))
    return energy.mul(2).sub(energy.detach())
  })
}

export interface GatedSums {
  /** [B, 1, h, w] */
  readonly inside: Tensor
  /** A S G, [B, K, h, w] */
  readonly gated: Tensor
}

/** What the energy of probabilities [B, K, h, w], at `scale` of the images, multiplies them with. */
export function gatedSums(
  probabilities: Tensor,
  {
    images,
    labels,
    boxes,
    srgb = 15,
    sxy = 100,
    scale = 0.5,
    filter = 'lattice',
    normalise = IMAGENET,
  }: Omit<DenseEnergyOptions, 'weight'>,
): GatedSums {
  return scope(() => {
    const [batch, , height, width] = probabilities.shape as [number, number, number, number]
    const place = { size: [height, width] as const, scale }
    const inside = nearest(insideBoxes(images, boxes), place) // [B, 1, h, w]
    const unknown = nearest(labels.unsqueeze(1).eq(IGNORE).to({ dtype: 'float32' }), place)
    const open = inside.sub(ops.amax(probabilities, { dim: [1], keepdim: true }))
    const gate = ops.where(unknown.gt(0.5), ops.onesLike(open), open).clamp({ min: 0 })
    const share = probabilities.mul(inside)
    const pixels = rgbImages(nearest(images, place), normalise)
    const sums = Array.from({ length: batch }, (_, b) =>
      bilateralFilter(pixels[b]!, share.select(0, b), {
        srgb,
        sxy: sxy * scale,
        filter,
        name: 'dense energy',
      }),
    )
    return { inside, gated: ops.stack(sums).mul(gate) }
  })
}

/** [B, 1, H, W]: 1 inside the boxes. */
function insideBoxes(images: Tensor, boxes: readonly ImageBox[] | undefined): Tensor {
  const all = ops.fullLike(images.narrow(1, 0, 1), boxes === undefined ? 1 : 0)
  for (const [b, box] of (boxes ?? []).entries()) ops.fill_(cutToBox(all.select(0, b), box), 1)
  return all
}

/** As torch's nearest of a scale factor: pixel i is that at floor(i / scale). */
function nearest(
  planes: Tensor,
  { size, scale }: { size: readonly [height: number, width: number]; scale: number },
): Tensor {
  return size.reduce((cut, side, i) => {
    const last = planes.size(2 + i) - 1
    const places = ops.arange(0, side, { dtype: 'float32', device: planes.device }).div(scale)
    return ops.indexSelect(cut, 2 + i, ops.floor(places).clamp({ max: last }).to({ dtype: 'int64' }))
  }, planes)
}

/** Normalised images as the bytes they were. */
function rgbImages(images: Tensor, { mean, std }: Normalisation): RgbImage[] {
  const [batch, , height, width] = images.shape as [number, number, number, number]
  const [scale, shift] = [std, mean].map(colour =>
    tensor([...colour], [1, 3, 1, 1]).to({ device: images.device }),
  ) as [Tensor, Tensor]
  const values = images.mul(scale).add(shift).mul(255).clamp({ min: 0, max: 255 }).permute(0, 2, 3, 1)
  const bytes = ops.floor(values.add(0.5)).to({ dtype: 'uint8' }).toData().data
  const length = 3 * width * height
  return Array.from({ length: batch }, (_, b) => ({
    width,
    height,
    data: bytes.subarray(b * length, (b + 1) * length),
  }))
}
