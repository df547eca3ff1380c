/** @file What `tagmask inspect` finds: plain values. Imports no torch. */
import type { ProposedNormalisation, Recognised } from '../../models/recognised.ts'

/** A parameter or buffer. */
export interface NamedTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: string
}

/** Values of all tensors whose names begin alike. */
export interface ModuleSize {
  readonly name: string
  readonly values: number
}

/** Multiply-adds of matrix products and convolutions. */
export interface Work {
  /** What runs: "forward", "CAMs, all scales and flips". */
  readonly what: string
  /** Side of the image, pixels. */
  readonly side: number
  readonly multiplyAdds: number
  /** By the operator's name, the largest first. */
  readonly byOperator: ReadonlyMap<string, number>
}

/** Peak bytes of one training step, with the network, its gradients and the optimiser's state. */
export interface StepMemory {
  readonly side: number
  readonly oneImage: number
  /** For each image beyond the first. */
  readonly further: number
  /** The recipe's. */
  readonly batchSize: number
}

export interface NetworkInspection {
  readonly title: string
  /** Learned or frozen; buffers are not counted. */
  readonly parameters: number
  /** Those that do not learn. */
  readonly frozen: number
  readonly modules: readonly ModuleSize[]
  readonly work: readonly Work[]
  readonly step: StepMemory | undefined
  readonly tensors: readonly NamedTensor[]
}

/** The networks of a recipe or a run. */
export interface RecipeInspection {
  readonly kind: 'recipe'
  /** Method, size, classes. */
  readonly words: string
  readonly networks: readonly NetworkInspection[]
}

/** A file of weights. */
export interface FileInspection {
  readonly kind: 'file'
  /** What it is; undefined for unknown names. */
  readonly recognised: Recognised | undefined
  /** What it seems to hold where nothing here has it, by single names. */
  readonly guess: string | undefined
  /** What the file lacks, or has besides, for what it is recognised as. */
  readonly odd: readonly string[]
  /** Of the pixels that the weights expect. */
  readonly normalisation: ProposedNormalisation | undefined
  /** Of floating-point tensors. */
  readonly values: number
  readonly modules: readonly ModuleSize[]
  readonly tensors: readonly NamedTensor[]
}
