/** @file A layer norm and the linear layer after it, in one step of autograd. Frozen weights get no gradient. */
import type { LayerNorm, Linear } from '../../nn/index.ts'
import { differentiable, isRecording, ops, type Tensor } from '../../torch/index.ts'

/**
 * linear(norm(x)) that keeps `x` alone, which the residual keeps anyway: the normalised tokens, as large, are recomputed
 * in backward. x [B, N, D] -> [B, N, out]
 */
export function normLinear(x: Tensor, norm: LayerNorm, linear: Linear): Tensor {
  const { weight, bias } = linear
  if (!isRecording() || x.device !== 'cpu' || bias === undefined) return linear.forward(norm.forward(x))
  const { shape: axes } = norm.weight
  const { eps } = norm
  const learns = [norm.weight, norm.bias, weight, bias].map(({ requiresGrad }) => requiresGrad)
  return differentiable(
    'norm, linear',
    [x, norm.weight, norm.bias, weight, bias],
    () => {
      const [normalised, mean, deviation] = ops.nativeLayerNorm(x, axes, norm.weight, norm.bias, eps)
      return {
        outputs: [ops.linear(normalised, weight, { bias })],
        saved: [x, mean, deviation, norm.weight, norm.bias, weight],
      }
    },
    ([gradient], [input, mean, deviation, scale, shift, matrix]) => {
      const { dtype } = gradient!
      const dOut = gradient!.reshape(-1, matrix!.size(0)) // [B*N, out]
      const dWeight = (): Tensor => {
        const normalised = ops.layerNorm(input!, axes, { weight: scale!, bias: shift!, eps })
        return ops.mm(dOut.transpose(0, 1), normalised.to({ dtype }).reshape(-1, matrix!.size(1)))
      }
      const dNormalised = ops.mm(dOut, matrix!.to({ dtype })).to({ dtype: input!.dtype })
      const [dInput, dScale, dShift] = ops.nativeLayerNormBackward(
        dNormalised.reshape(...input!.shape),
        input!,
        axes,
        mean!,
        deviation!,
        scale!,
        shift!,
        [true, true, true],
      )
      return [
        dInput,
        learns[0] ? dScale : undefined,
        learns[1] ? dShift : undefined,
        learns[2] ? dWeight().to({ dtype: matrix!.dtype }) : undefined,
        learns[3] ? dOut.sum(0).to({ dtype: matrix!.dtype }) : undefined,
      ]
    },
  )[0]!
}
