/** @file A table of vectors by index. */
import { noGrad, ops, type Tensor } from '../torch/index.ts'
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
    this.weight = new Parameter(noGrad(() => ops.normal_(ops.empty([count, features]), { mean: 0, std: 1 })))
  }

  /** indices [...] (int64) -> [..., features] */
  forward(indices: Tensor): Tensor {
    return ops.embedding(this.weight, indices)
  }
}
