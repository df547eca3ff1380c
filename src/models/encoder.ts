/** @file The encoder that a method trains, for the stages after it. Loads no libtorch. */
import type { MitOptions } from './mit/sizes.ts'
import { type VitOptions, type VitWidth, vitSizes } from './vit/widths.ts'

/** A vision transformer as the stages after its training build it. */
export interface TrainedVit extends VitOptions {
  /** Whether every class has a class token; else there is one. */
  readonly tokenPerClass: boolean
  /** Side of the training crop, which the position embeddings are for, pixels. */
  readonly imageSize: number
}

/** The encoder that a method trains. */
export interface Encoder {
  /** Name of a published geometry, which its weights have, too (named-weights.ts). */
  readonly name: string | undefined
  /** The recipe's key that chooses its size. */
  readonly key: string
  /** Its size, for reports. */
  readonly size: string
  /** Side of the training crop, pixels. */
  readonly imageSize: number
  /** Pixels from one position of a CAM to the next; no image may be smaller. */
  readonly patchSize: number
  readonly dropPath: number
  /** For AffinityNet and segmentation to start from; undefined where it is no vision transformer. */
  readonly vit: TrainedVit | undefined
  /** Sizes of a mix transformer. */
  readonly mit?: MitOptions
}

/** The vision transformer of a recipe's `model` section; `key` chooses its width. */
export function vitEncoder(
  {
    width,
    patchSize,
    dropPath,
    imageSize,
  }: {
    readonly width: VitWidth
    readonly patchSize: number
    readonly dropPath: number
    readonly imageSize: number
  },
  { tokenPerClass, key = 'model.width' }: { tokenPerClass: boolean; key?: string },
): Encoder & { readonly vit: TrainedVit } {
  const name = typeof width === 'string' ? width : undefined
  const sizes = vitSizes(width)
  const { embedDim, depth, heads } = sizes
  const size = name ?? `${embedDim} channels, ${depth} blocks, ${heads} heads`
  const shared = { imageSize, patchSize, dropPath }
  return { name, key, size, ...shared, vit: { ...sizes, ...shared, tokenPerClass } }
}
