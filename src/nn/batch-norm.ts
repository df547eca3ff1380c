/** @file Batch normalisation: with running statistics that follow the batches, and one whose statistics and affine parameters never change. */
import {
  batchSum,
  batchSums,
  differentiable,
  isRecording,
  isShared,
  noGrad,
  ops,
  scope,
  type Tensor,
} from '../torch/index.ts'
import { Buffer, Module, Parameter } from './module.ts'

export interface BatchNormOptions {
  /** Channels. */
  readonly features: number
  readonly eps?: number
}

/** Parameters and statistics under PyTorch's names. */
abstract class BatchNorm extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly runningMean: Buffer
  readonly runningVar: Buffer
  readonly numBatchesTracked: Buffer
  readonly eps: number

  constructor({ features, eps = 1e-5 }: BatchNormOptions) {
    super()
    this.weight = new Parameter(ops.ones([features]))
    this.bias = new Parameter(ops.zeros([features]))
    this.runningMean = new Buffer(ops.zeros([features]))
    this.runningVar = new Buffer(ops.ones([features]))
    this.numBatchesTracked = new Buffer(ops.zeros([], { dtype: 'int64' }))
    this.eps = eps
  }

  protected normalise(x: Tensor, { training = false, momentum = 0 } = {}): Tensor {
    const { weight, bias, runningMean, runningVar, eps } = this
    return ops.batchNorm(x, weight, bias, runningMean, runningVar, training, momentum, eps, true)
  }
}

/** torch.nn.BatchNorm2d: in training the statistics of the batch, which the running ones follow; in eval mode the latter. */
export class BatchNorm2d extends BatchNorm {
  /** Share of the batch in the running statistics after it. */
  readonly momentum: number
  /** Statistics are those of the batches of all processes, as of torch.nn.SyncBatchNorm; else each has its own. */
  synchronised = false

  constructor({ momentum = 0.1, ...options }: BatchNormOptions & { readonly momentum?: number }) {
    super(options)
    this.momentum = momentum
  }

  /** x [B, C, H, W] */
  forward(x: Tensor): Tensor {
    const { training, momentum } = this
    if (training) this.countBatch()
    if (training && this.synchronised && isShared()) return this.normaliseShared(x)
    return this.normalise(x, { training, momentum })
  }

  /** The running statistics follow x [B, C, H, W], as in a forward pass of training; nothing is normalised. */
  observe(x: Tensor): void {
    const { runningMean, runningVar, momentum } = this
    this.countBatch()
    noGrad(() =>
      scope(() => {
        if (this.synchronised && isShared()) this.shared(x)
        else ops.batchNormUpdateStats(x, runningMean, runningVar, momentum)
      }),
    )
  }

  private normaliseShared(x: Tensor): Tensor {
    return scope(() => {
      const { centred, variance } = this.shared(x)
      const scale = ops.rsqrt(variance.add(this.eps)).mul(this.weight)
      return centred
        .mul(scale.reshape(1, -1, 1, 1))
        .add(this.bias.reshape(1, -1, 1, 1))
        .to({ dtype: x.dtype })
    })
  }

  /** x less the mean of all processes, and their variance [C], which the running statistics follow. */
  private shared(x: Tensor): { centred: Tensor; variance: Tensor } {
    const plain = x.to({ dtype: 'float32' })
    const [count] = batchSums([x.elements / x.size(1)]) as [number]
    const mean = batchSum(plain.sum([0, 2, 3])).div(count)
    const centred = plain.sub(mean.reshape(1, -1, 1, 1))
    const variance = batchSum(centred.mul(centred).sum([0, 2, 3])).div(count)
    noGrad(() =>
      scope(() => {
        for (const [running, value] of [
          [this.runningMean, mean],
          [this.runningVar, variance.mul(count / (count - 1))],
        ] as const)
          ops.add_(ops.mulScalar_(running, 1 - this.momentum), value.detach(), { alpha: this.momentum })
      }),
    )
    return { centred, variance }
  }

  private countBatch(): void {
    noGrad(() => scope(() => void ops.addScalar_(this.numBatchesTracked, 1)))
  }
}

/** torch.nn.BatchNorm2d in eval mode, also while the network trains, with parameters that do not learn. */
export class FrozenBatchNorm2d extends BatchNorm {
  constructor(options: BatchNormOptions) {
    super(options)
    this.freeze()
  }

  /** x [B, C, H, W] */
  forward(x: Tensor): Tensor {
    return this.normalise(x)
  }

  /** ReLU(norm(x)); x [B, C, H, W] */
  forwardRelu(x: Tensor): Tensor {
    if (!isRecording()) return ops.relu_(this.normalise(x))
    if (x.device !== 'cpu') return this.normalise(x).relu()
    // Keeps the result alone, which the convolution after it keeps anyway; autograd's own would keep x as well.
    return differentiable(
      'frozen batch norm, relu',
      [x],
      () => {
        const result = ops.relu_(this.normalise(x))
        return { outputs: [result], saved: [result.detach()] }
      },
      ([gradient], [result]) => [ops.mul_(ops.thresholdBackward(gradient!, result!, 0), this.scale(result!))],
    )[0]!
  }

  /** d(norm)/dx [1, C, 1, 1], of the type of `like`. */
  private scale({ dtype }: Tensor): Tensor {
    return noGrad(() =>
      ops.rsqrt(this.runningVar.add(this.eps)).mul(this.weight).to({ dtype }).reshape(1, -1, 1, 1),
    )
  }
}
