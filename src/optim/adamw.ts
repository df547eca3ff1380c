/** @file AdamW (Loshchilov and Hutter 2019), step for step as torch.optim.AdamW. */
import { ops, type Tensor } from '../torch/index.ts'
import { type Optimiser, optimiser, type ParameterGroup } from './optimiser.ts'

export interface AdamWOptions {
  readonly betas?: readonly [number, number]
  readonly eps?: number
}

export function adamw(
  groups: readonly ParameterGroup[],
  { betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-8 }: AdamWOptions = {},
): Optimiser {
  return optimiser(groups, {
    kinds: ['exp_avg', 'exp_avg_sq'],
    update({ parameters, gradients, averages: [mean, square] }, { group: { weightDecay }, lr, steps }) {
      if (areDense(parameters))
        return ops.adamw_(parameters, gradients, mean!, square!, lr, beta1, beta2, eps, weightDecay, steps)
      if (weightDecay !== 0) ops.foreachMulScalar_(parameters, 1 - lr * weightDecay)
      ops.foreachMulScalar_(mean!, beta1)
      ops.foreachAdd_(mean!, gradients, { alpha: 1 - beta1 })
      ops.foreachMulScalar_(square!, beta2)
      ops.foreachAddcmul_(square!, gradients, gradients, { value: 1 - beta2 })
      const denominators = ops.foreachSqrt(square!)
      ops.foreachDivScalar_(denominators, Math.sqrt(1 - beta2 ** steps))
      ops.foreachAddScalar_(denominators, eps)
      ops.foreachAddcdiv_(parameters, mean!, denominators, { value: -lr / (1 - beta1 ** steps) })
    },
  })
}

/** Whether all are of one type, float32 or float64, on the CPU and without gaps, as adamw_ takes them; their averages are what they are. */
function areDense(parameters: readonly Tensor[]): boolean {
  const type = parameters[0]?.dtype
  if (type !== 'float32' && type !== 'float64') return false
  return parameters.every(one => one.dtype === type && one.device === 'cpu' && one.isContiguous)
}
