/** @file A method with its network built: its training and its CAMs. */
import type { Box } from '../data/transforms/resize.ts'
import type { TensorData } from '../io/tensor-data.ts'
import type { LabelNetwork } from '../models/label-network.ts'
import type { LoadedWeights } from '../models/loaded-weights.ts'
import type { Losses, Module } from '../nn/index.ts'
import type { Decays, ParameterGroup } from '../optim/index.ts'
import type { Tensor } from '../torch/index.ts'
import type { HeadWeights } from './head-weights.ts'
import type { FlipOption, ImageOfViews } from './multi-scale.ts'

/** The result of loading pretrained weights. */
export type Adapted = LoadedWeights

/** Images with their image-level labels, as a training step sees them. */
export interface ClassBatch {
  /** First view of each image, [B, 3, S, S], normalised. */
  readonly images: Tensor
  /** Further views of the same images, as the definition's `views` cut them: [B, 3, S, S] each. */
  readonly views: readonly Tensor[]
  /** The region of the first view that is not padding. */
  readonly boxes: readonly Box[]
  /** [B, C] in {0, 1}. */
  readonly targets: Tensor
}

/** Position of a training; both count from 0. */
export interface StepPlace {
  readonly epoch: number
  readonly step: number
}

/** Tensors in addition to the network that steps read and write, such as a memory of class tokens: part of every checkpoint. */
export type Memory = ReadonlyMap<string, Tensor>

/** An autoencoder of class embeddings: trained by itself, then frozen while it guides the training of a method's network. */
export interface Autoencoder {
  readonly network: Module
  /** Side of the images that it sees, pixels. */
  readonly imageSize: number
  parameterGroups(options: { weightDecay: number }): ParameterGroup[]
  losses(batch: Pick<ClassBatch, 'images' | 'targets'>): Losses
  /** Similarity of images [B, 3, S, S] to each class, the background first: [B, 1 + C]. Call without autograd. */
  similarities(images: Tensor): Tensor
  /** Images [B, 3, S, S], normalised, from their class embeddings, where that is learned. Call without autograd. */
  reconstructions?(images: Tensor): Tensor
  /** Loads weights of a backbone or of a whole autoencoder; `file` is named in errors. */
  loadPretrained(weights: ReadonlyMap<string, TensorData>, options: { file: string }): Adapted
}

export interface Method {
  readonly network: Module
  readonly numClasses: number
  /** Networks that the losses only evaluate: on the device and in eval mode, in no checkpoint. */
  readonly frozen?: readonly Module[]
  /** Made when it is first asked for; its owner is who trains. */
  readonly memory?: Memory | undefined
  /** Every parameter that trains, with its weight decay and its factor on the learning rate. */
  parameterGroups(options: { weightDecay: number; decays: Decays }): ParameterGroup[]
  losses(batch: ClassBatch, at: StepPlace): Losses
  /** Class logits [B, C] of images [B, 3, H, W], for validation. */
  logits(images: Tensor): Tensor
  /** CAMs [K, H, W] in [0, 1] of each image; the views of all have the same sizes. Call without autograd. */
  imageCams(images: readonly ImageOfViews[], options?: FlipOption): Tensor[]
  /** The method's own head, with the network's weights, where its definition says `labels`. */
  readonly labeller?: LabelNetwork
  /** What went otherwise than the recipe says, once a training has ended. */
  warnings?(): readonly string[]
  /** For methods with a token for each class: those out of each block [layers, B, C, D] of images [B, 3, H, W], without autograd. */
  classTokens?(images: Tensor): Tensor
  /** For methods that weigh attention heads: the weights in the CAMs since the last call; undefined without any. */
  takeHeadWeights?(): HeadWeights | undefined
  /** Loads weights of a backbone or of the method itself; `file` is named in errors. */
  loadPretrained(weights: ReadonlyMap<string, TensorData>, options: { file: string }): Adapted
}
