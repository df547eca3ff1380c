/** @file What every method is to the pipeline: a network, its losses from a batch, class maps of a picture. */
import type { TensorData } from '../io/tensor-data.ts'
import type { LoadedWeights } from '../models/loaded-weights.ts'
import type { Module } from '../nn/index.ts'
import type { Tensor } from '../torch/index.ts'
import type { HeadWeights } from './head-weights.ts'

/** One training step's losses: `total` is differentiated, `parts` are shown under their names. */
export interface Losses {
  readonly total: Tensor
  readonly parts: Readonly<Record<string, Tensor>>
}

/** What became of pretrained weights. */
export type Adapted = LoadedWeights

/** A method with its network built. Pictures are [B, 3, H, W], normalised; targets [B, C] in {0, 1}. */
export interface Method {
  readonly network: Module
  readonly numClasses: number
  /** Parameters that weight decay leaves alone although they have more than one axis. */
  readonly noDecay: ReadonlySet<string>
  /** Factor on the learning rate of a parameter, by its name; 1 for all when not given. */
  readonly lrScale?: (name: string) => number
  losses(images: Tensor, targets: Tensor): Losses
  /** [B, C], for validation. */
  logits(images: Tensor): Tensor
  /** [B, C, h, w] at the network's resolution, not normalised. */
  classMaps(images: Tensor): Tensor
  /** Of methods that weigh attention heads: their weights in the class maps made since the last call; undefined without any. */
  takeHeadWeights?(): HeadWeights | undefined
  /** Loads weights of a backbone or of the method itself; `file` is named in errors. */
  loadPretrained(weights: ReadonlyMap<string, TensorData>, options: { file: string }): Adapted
}
