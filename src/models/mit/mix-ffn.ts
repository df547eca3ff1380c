/** @file The feed-forward half of a block (Mix-FFN): fc1, a depthwise convolution over the map, exact GELU, fc2. */
import { type Conv2d, type LayerNorm, Linear, Module, truncatedNormal } from '../../nn/index.ts'
import { differentiable, isRecording, ops, scope, type Tensor } from '../../torch/index.ts'
import type { PatchGrid } from '../vit/index.ts'
import { normLinear } from '../vit/norm-linear.ts'
import { convolution } from './convolution.ts'
import { asMap, asTokens } from './token-map.ts'

export class MixFfn extends Module {
  readonly fc1: Linear
  readonly dwconv: { readonly dwconv: Conv2d }
  readonly fc2: Linear

  constructor({ embedDim, mlpRatio }: { embedDim: number; mlpRatio: number }) {
    super()
    const hidden = embedDim * mlpRatio
    const depthwise = { inChannels: hidden, outChannels: hidden, groups: hidden }
    this.fc1 = new Linear({ inFeatures: embedDim, outFeatures: hidden, init: truncatedNormal })
    this.dwconv = { dwconv: convolution({ ...depthwise, kernel: 3, padding: 1 }) }
    this.fc2 = new Linear({ inFeatures: hidden, outFeatures: embedDim, init: truncatedNormal })
  }

  /** x [B, h*w, D] -> [B, h*w, D]; `norm` goes before it. */
  forward(x: Tensor, grid: PatchGrid, { norm }: { norm: LayerNorm }): Tensor {
    const hidden = normLinear(x, norm, this.fc1) // [B, h*w, ratio*D]
    const { dwconv } = this.dwconv
    if (isRecording() && hidden.device === 'cpu') return leanSecondHalf(hidden, grid, dwconv, this.fc2)
    const spread = asTokens(dwconv.forward(asMap(hidden, grid)))
    if (isRecording()) return this.fc2.forward(ops.gelu(spread))
    return this.fc2.forward(ops.geluOut(spread, spread))
  }
}

/** fc2(GELU(dwconv(hidden))) that keeps `hidden` alone: what comes after it, as large, is computed again in backward. */
function leanSecondHalf(hidden: Tensor, grid: PatchGrid, { weight, bias }: Conv2d, fc2: Linear): Tensor {
  const { dtype } = hidden
  const [outer, inner] = fc2.weight.shape as [number, number]
  const low = (tensor: Tensor): Tensor => tensor.to({ dtype })
  const spreadOf = (tokens: Tensor, filters: Tensor, shift: Tensor): Tensor =>
    asTokens(
      ops.conv2d(asMap(tokens, grid), low(filters), { bias: low(shift), padding: [1, 1], groups: inner }),
    )
  return differentiable(
    'mix-ffn',
    [hidden, weight, bias!, fc2.weight, fc2.bias!],
    () => {
      const spread = spreadOf(hidden, weight, bias!)
      return {
        outputs: [ops.linear(ops.geluOut(spread, spread), low(fc2.weight), { bias: low(fc2.bias!) })],
        saved: [hidden, weight, bias!, fc2.weight],
      }
    },
    ([gradient], [kept, filters, shift, matrix]) => {
      const spread = spreadOf(kept!, filters!, shift!)
      const dOut = gradient!.reshape(-1, outer) // [B*N, D]
      const dMatrix = scope(() => ops.mm(dOut.transpose(0, 1), ops.gelu(spread).reshape(-1, inner)))
      const dSpread = scope(() =>
        ops.geluBackward(ops.mm(dOut, low(matrix!)).reshape(...spread.shape), spread),
      )
      spread.dispose()
      const [dHidden, dFilters, dShift] = ops.convolutionBackward(
        asMap(dSpread, grid),
        asMap(kept!, grid),
        low(filters!),
        [inner],
        [1, 1],
        [1, 1],
        [1, 1],
        false,
        [0, 0],
        inner,
        [true, true, true],
      )
      const own = matrix!.dtype
      return [
        asTokens(dHidden),
        dFilters.to({ dtype: own }),
        dShift.to({ dtype: own }),
        dMatrix.to({ dtype: own }),
        dOut.sum(0).to({ dtype: own }),
      ]
    },
  )[0]!
}
