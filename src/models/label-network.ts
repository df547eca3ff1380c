/** @file Networks that label images: those for segmentation, and a method's own head. */
import type { TensorData } from '../io/tensor-data.ts'
import type { Module } from '../nn/index.ts'
import type { ParameterGroup } from '../optim/index.ts'
import type { Tensor } from '../torch/index.ts'
import type { EncoderLook } from './encoder-memory.ts'
import type { LoadedWeights } from './loaded-weights.ts'

/** Options of inference; a network uses those that it knows. */
export interface Look {
  /** Sizes relative to the image's own. */
  readonly scales: readonly number[]
  /** Also use the flip at each scale. */
  readonly flip: boolean
  /** max: the largest probability over all views, as published (they then add up to more than 1); mean: their average. */
  readonly combine: 'max' | 'mean'
  /** Whether resizing the input maps corner to corner, as published; logits are always resized without. */
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
  /** Of the images alone, at their own size [B, labels, H, W]. */
  readonly single: Tensor
  /** Over all views [B, labels, H, W]. */
  readonly multi: Tensor
}

export interface LabelGroupOptions {
  readonly kind: 'adamw' | 'sgd'
  readonly weightDecay: number
  /** Learning rate of the head, which starts from random weights, over that of the backbone. */
  readonly headFactor: number
  /** Further factor for every layer down the backbone. */
  readonly layerDecay: number
}

/** The memory of inference. */
export interface LabelNetworkShape {
  readonly windows: boolean
  /** Bytes that one image, or a window of it, takes in addition to its probabilities. */
  readonly memory: (look: Omit<EncoderLook, 'batch'>) => number
}

export interface LabelNetwork extends Module {
  /** Background included. */
  readonly labels: number
  readonly shape: LabelNetworkShape
  /** Label probabilities of images [B, 3, H, W], normalised. Call in eval mode. */
  probabilities(images: Tensor, look: Look): Probabilities
}

/** One that learns from masks: a network of the stage `segment`. */
export interface TrainableLabelNetwork extends LabelNetwork {
  /** images [B, 3, H, W], normalised -> logits [B, labels, h, w] in float32, to be resized to the images */
  forward(images: Tensor): Tensor
  parameterGroups(options: LabelGroupOptions): ParameterGroup[]
  /** Starts from weights of a backbone or of a whole network. Throws InputError naming `file`. */
  loadPretrained(weights: ReadonlyMap<string, TensorData>, options: { file: string }): LoadedWeights
}
