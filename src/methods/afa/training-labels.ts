/** @file The labels that a training step makes from its own CAMs (AFA, section 3.4; scripts/dist_train_voc.py, dist_train_coco.py). */
import type { ImageBox } from '../../refine/image-box.ts'
import { refinedAffinityLabels, refinedPseudoLabels } from '../../refine/par/index.ts'
import { noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { affinityLabels, nearPairs, RADIUS } from './affinity-labels.ts'
import { type BatchCams, batchCams } from './cams.ts'
import type { Afa, AfaOutput } from './model.ts'
import { propagateWithBackground, transitions } from './propagation.ts'

export interface TrainingLabelOptions {
  /** Sizes of the crop at which its CAMs are made. */
  readonly scales?: readonly number[]
  /** Also of its flip. */
  readonly flip?: boolean
  /** Background scores, once low, for all that might be foreground, and once high, for what surely is. */
  readonly low?: number
  readonly high?: number
  /** Places at most so far apart have an affinity. */
  readonly radius?: number
  /** Iterations of PAR; the published number unless told. */
  readonly iterations?: number
  /** What learns from CAMs spread along the affinity, instead of the CAMs themselves. */
  readonly spread?: { readonly segmentation: boolean; readonly affinity: boolean }
}

export interface TaggedCrops {
  /** [B, 3, S, S], normalised. */
  readonly images: Tensor
  /** The same in [0, 1], as denormalisedImages makes them: what PAR reads. */
  readonly colours: Tensor
  /** Classes of each image, ascending, counted from 0. */
  readonly classes: readonly (readonly number[])[]
  readonly boxes: readonly ImageBox[]
  /** What the network has made of the images in this step; without it they are looked at once more. */
  readonly seen?: AfaOutput
}

export interface TrainingLabels {
  /** [B, S, S] int64: 0 background, class + 1, 255 unknown. */
  readonly segmentation: Tensor
  /** [B, N, N] uint8, as affinityLabels. */
  readonly pairs: Tensor
}

/** Makes them without autograd; while `network` trains, its batch norm sees these passes too, as in the original. */
export function trainingLabels(
  network: Afa,
  { images, colours, classes, boxes, seen }: TaggedCrops,
  {
    scales = [1, 0.5, 1.5],
    flip = true,
    low = 0.35,
    high = 0.55,
    radius = RADIUS,
    iterations,
    spread = { segmentation: false, affinity: false },
  }: TrainingLabelOptions = {},
): TrainingLabels {
  return noGrad(() =>
    scope(() => {
      const walks = spread.segmentation || spread.affinity
      const made = batchCams(network, images, {
        classes,
        scales,
        flip,
        withAffinity: walks,
        ...(seen !== undefined && { seen }),
      })
      const par = iterations === undefined ? {} : { iterations }
      const plain = (): Tensor => refinedPseudoLabels(colours, made.images, { low, high, boxes, ...par })
      const walked = (): Tensor => {
        const spreadCams = walkOf(network, images, made, { scale: Math.max(1, ...scales), radius })
        const maps = classes.map((own, i) => ({
          classes: own,
          low: spreadCams(i, low),
          high: spreadCams(i, high),
        }))
        return refinedAffinityLabels(colours, maps, { boxes, ...par })
      }
      const segmentation = spread.segmentation ? walked() : plain()
      const forPairs =
        spread.affinity === spread.segmentation ? segmentation : spread.affinity ? walked() : plain()
      const grid = network.grid(images)
      const near = nearPairs(grid, { radius, device: images.device })
      return {
        segmentation: segmentation.to({ dtype: 'int64' }),
        pairs: affinityLabels(forPairs, { grid, near }),
      }
    }),
  )
}

/** What makes, of an image's CAMs beside a background, maps [1 + K, H, W] spread along its affinity at the largest scale, of `size` or the images'. */
export function walkOf(
  network: Afa,
  images: Tensor,
  { images: each, affinity }: BatchCams,
  { scale, radius }: { scale: number; radius: number },
): (image: number, background: number, size?: readonly number[]) => Tensor {
  const { rows, columns } = network.grid(images, scale)
  const near = nearPairs({ rows, columns }, { radius, device: images.device })
  const walk = transitions(affinity!, { near })
  return (image, background, size = images.shape.slice(-2)) => {
    const { cams } = each[image]!
    const maps = propagateWithBackground(cams, walk.select(0, image), { background, size: [rows, columns] })
    return ops.upsampleBilinear2d(maps.unsqueeze(0), size, false).select(0, 0)
  }
}
