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
 * The momentum that the PolyOptimizer of PSA and of MCTformer's segmentation gives to SGD. `momentumBug`: as
 * published, it passes the weight decay in its place: there is next to no momentum, and only groups with a decay of their own are decayed.
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
