/** @file Stochastic gradient descent with (Nesterov) momentum and coupled weight decay, as torch.optim.SGD. */
import { ops } from '../torch/index.ts'
import { type Optimiser, optimiser, type ParameterGroup } from './optimiser.ts'

export function sgd(
  groups: readonly ParameterGroup[],
  { momentum = 0, nesterov = false }: { momentum?: number; nesterov?: boolean } = {},
): Optimiser {
  return optimiser(groups, {
    kinds: momentum === 0 ? [] : ['momentum_buffer'],
    update({ parameters, gradients, averages: [buffer] }, { group: { weightDecay }, lr }) {
      if (weightDecay !== 0) ops.foreachAdd_(gradients, parameters, { alpha: weightDecay })
      if (buffer === undefined) {
        ops.foreachAdd_(parameters, gradients, { alpha: -lr })
        return
      }
      ops.foreachMulScalar_(buffer, momentum)
      ops.foreachAdd_(buffer, gradients)
      if (nesterov) ops.foreachAdd_(parameters, gradients, { alpha: -lr })
      ops.foreachAdd_(parameters, buffer, { alpha: nesterov ? -lr * momentum : -lr })
    },
  })
}

/**
 * Options of SGD in the PolyOptimizer of PSA and of MCTformer's segmentation. `momentumBug`: as published, weight decay
 * is passed as momentum, so momentum is nearly 0 and only groups with a weight decay of their own decay.
 */
export function polySgdMomentum({
  momentum,
  weightDecay,
  momentumBug,
}: {
  momentum: number
  weightDecay: number
  momentumBug: boolean
}): number {
  return momentumBug ? weightDecay : momentum
}
