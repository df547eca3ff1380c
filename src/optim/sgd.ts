/** @file Stochastic gradient descent with momentum and coupled weight decay, as torch.optim.SGD. */
import { ops } from '../torch/index.ts'
import { type Optimiser, optimiser, type ParameterGroup } from './optimiser.ts'

export function sgd(
  groups: readonly ParameterGroup[],
  { momentum = 0 }: { momentum?: number } = {},
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
      ops.foreachAdd_(parameters, buffer, { alpha: -lr })
    },
  })
}
