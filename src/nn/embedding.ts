/** @file A table of vectors by index. */
import { ops, type Tensor } from '../torch/index.ts'
import { normal } from './init.ts'
import { Module, Parameter } from './module.ts'

export interface EmbeddingOptions {
  /** Rows of the table. */
  readonly count: number
  /** Channels of a row. */
  readonly features: number
}

/** torch.nn.Embedding, drawn from Normal(0, 1) as there. */
export class Embedding extends Module {
  readonly weight: Parameter

  constructor({ count, features }: EmbeddingOptions) {
    super()
    this.weight = new Parameter(normal([count, features]))
  }

  /** indices [...] (int64) -> [..., features] */
  forward(indices: Tensor): Tensor {
    return ops.embedding(this.weight, indices)
  }
}
