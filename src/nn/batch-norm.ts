/** @file Batch normalisation whose statistics and affine parameters never change. */
import { differentiable, isRecording, noGrad, ops, type Tensor } from '../torch/index.ts'
import { Buffer, Module, Parameter } from './module.ts'

/** torch.nn.BatchNorm2d in eval mode, also while the network trains, with parameters that do not learn. */
export class FrozenBatchNorm2d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly runningMean: Buffer
  readonly runningVar: Buffer
  /** Part of every checkpoint; counts nothing here. */
  readonly numBatchesTracked: Buffer
  readonly eps: number

  constructor({ features, eps = 1e-5 }: { features: number; eps?: number }) {
    super()
    this.weight = new Parameter(ops.ones([features]))
    this.bias = new Parameter(ops.zeros([features]))
    this.runningMean = new Buffer(ops.zeros([features]))
    this.runningVar = new Buffer(ops.ones([features]))
    this.numBatchesTracked = new Buffer(ops.zeros([], { dtype: 'int64' }))
    this.eps = eps
    this.freeze()
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

  private normalise(x: Tensor): Tensor {
    const { weight, bias, runningMean, runningVar, eps } = this
    return ops.batchNorm(x, weight, bias, runningMean, runningVar, false, 0, eps, true)
  }

  /** d(norm)/dx [1, C, 1, 1], of the type of `like`. */
  private scale({ dtype }: Tensor): Tensor {
    return noGrad(() =>
      ops.rsqrt(this.runningVar.add(this.eps)).mul(this.weight).to({ dtype }).reshape(1, -1, 1, 1),
    )
  }
}
