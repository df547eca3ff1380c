/** @file What labels an image: the segmentation networks, and a method's own head. */
import type { TensorData } from '../io/tensor-data.ts'
import type { Module } from '../nn/index.ts'
import type { ParameterGroup } from '../optim/index.ts'
import type { Tensor } from '../torch/index.ts'
import type { EncoderLook } from './encoder-memory.ts'
import type { LoadedWeights } from './loaded-weights.ts'

/** How an image is looked at; a network takes what it knows of. */
export interface Look {
  /** Sizes relative to the image's own. */
  readonly scales: readonly number[]
  /** Also look at the flip at each scale. */
  readonly flip: boolean
  /** max: the largest probability over all views, as published (they then add up to more than 1); mean: their average. */
  readonly combine: 'max' | 'mean'
  /** Whether resizing the input maps corner to corner, as published; logits always go back without. */
  readonly alignCorners: boolean
  /** Side of the training crop, pixels. */
  readonly cropSize: number
  readonly windows: {
    /** Pixels; null: cropSize; whole: the whole image at once. */
    readonly side: number | 'whole' | null
    /** Pixels from one window to the next; null: two thirds of the side. */
    readonly stride: number | null
    /** The shorter side of the image at scale 1, pixels; null: its own. */
    readonly shortSide: number | null
    /** Weight of the masks before the decoder's last block. */
    readonly blockEnsemble: number
  }
}

export interface Probabilities {
  /** Of the image alone, at its own size [labels, H, W]. */
  readonly single: Tensor
  /** Of all views together [labels, H, W]. */
  readonly multi: Tensor
}

export interface LabelGroupOptions {
  readonly kind: 'adamw' | 'sgd'
  readonly weightDecay: number
  /** Learning rate of the head, which starts from nothing, over that of the backbone. */
  readonly headFactor: number
  /** Further factor for every layer down the backbone. */
  readonly layerDecay: number
}

/** What decides over the memory of a look. */
export interface LabelNetworkShape {
  readonly windows: boolean
  /** Bytes that one image, or a window of it, takes beside its probabilities. */
  readonly memory: (look: Omit<EncoderLook, 'batch'>) => number
}

export interface LabelNetwork extends Module {
  /** Background included. */
  readonly labels: number
  readonly shape: LabelNetworkShape
  /** Label probabilities of an image [1, 3, H, W], normalised. Call in eval mode. */
  probabilities(image: Tensor, look: Look): Probabilities
}

/** One that learns from masks: a network of the stage `segment`. */
export interface TrainableLabelNetwork extends LabelNetwork {
  /** images [B, 3, H, W], normalised -> logits [B, labels, h, w] in float32, to be spread to the images */
  forward(images: Tensor): Tensor
  parameterGroups(options: LabelGroupOptions): ParameterGroup[]
  /** Starts from weights of a backbone or of a whole network. Throws InputError naming `file`. */
  loadPretrained(weights: ReadonlyMap<string, TensorData>, options: { file: string }): LoadedWeights
}
