/** @file The AdamW step of native/torch against the formula in float64. */
import { expect, test } from 'vitest'
import { TorchError } from '../errors.ts'
import type { Parameter } from '../nn/index.ts'
import { backward, type DType, manualSeed, noGrad, ops, scope, type Tensor } from '../torch/index.ts'
import { adamw } from './index.ts'

const [LR, BETA1, BETA2, EPS, DECAY] = [0.01, 0.9, 0.99, 1e-8, 0.1] as const
// one that several threads share, small ones, one of nothing
const SHAPES = [[300, 500], [7], [], [0, 3], [33, 1]] as const

const draw = (dtype: DType): Tensor[] => SHAPES.map(shape => ops.randn([...shape]).to({ dtype }))
const zeros = (dtype: DType): Tensor[] => SHAPES.map(shape => ops.zeros([...shape], { dtype }))

test.each([
  ['float32', 2e-6],
  ['float64', 1e-14],
] as const)('%s', (dtype, bound) =>
  noGrad(() =>
    scope(() => {
      manualSeed(0)
      const parameters = draw(dtype)
      const expected = parameters.map(one => one.to({ dtype: 'float64' }).clone())
      const [means, squares] = [zeros(dtype), zeros(dtype)]
      const [m, v] = [zeros('float64'), zeros('float64')]
      for (let t = 1; t <= 5; t++) {
        // one gradient lies by columns
        const gradients = draw(dtype).map((one, i) =>
          i === 0 ? one.transpose(0, 1).contiguous().transpose(0, 1) : one,
        )
        ops.adamw_(parameters, gradients, means, squares, LR, BETA1, BETA2, EPS, DECAY, t)
        for (const [i, gradient] of gradients.entries()) {
          const g = gradient.to({ dtype: 'float64' })
          m[i] = m[i]!.mul(BETA1).add(g.mul(1 - BETA1))
          v[i] = v[i]!.mul(BETA2).add(g.mul(g).mul(1 - BETA2))
          const step = m[i]!.div(1 - BETA1 ** t).div(ops.sqrt(v[i]!.div(1 - BETA2 ** t)).add(EPS))
          expected[i] = expected[i]!.mul(1 - LR * DECAY).sub(step.mul(LR))
        }
      }
      for (const [i, one] of parameters.entries()) {
        if (one.elements === 0) continue
        const difference = one.to({ dtype: 'float64' }).sub(expected[i]!).abs().max().item() as number
        expect(difference).toBeLessThan(bound)
      }
    }),
  ),
)

test('lists and tensors that do not fit are errors', () =>
  noGrad(() =>
    scope(() => {
      const refused = (p: Tensor[], g: Tensor[], m = p, v = p, t = 1): void =>
        expect(() => ops.adamw_(p, g, m, v, LR, BETA1, BETA2, EPS, DECAY, t)).toThrow(TorchError)
      const [a, b] = [ops.zeros([2, 3]), ops.zeros([3, 2])]
      refused([a], [])
      refused([a], [b])
      refused([a], [a], [b])
      refused([a], [a.to({ dtype: 'float64' })])
      refused([b.transpose(0, 1)], [a])
      refused([a], [a], [a], [a], 0)
      refused([ops.zeros([2], { dtype: 'int64' })], [ops.zeros([2], { dtype: 'int64' })])
    }),
  ))

test('what is written while another operator has saved it is an error in its backward', () =>
  scope(() => {
    const [x, p, g] = [ops.randn([3]), ops.randn([3]), ops.randn([3])]
    x.requiresGrad = true
    const loss = x.mul(p).sum()
    noGrad(() => ops.adamw_([p], [g], [ops.zeros([3])], [ops.zeros([3])], LR, BETA1, BETA2, EPS, DECAY, 1))
    expect(() => backward(loss)).toThrow(/modified by an inplace operation/)
  }))

test('parameters of bfloat16, of several types, and with gaps take a step, too', () =>
  scope(() => {
    manualSeed(0)
    const wide = ops.randn([4, 6])
    const tensors = {
      low: ops.randn([5]).to({ dtype: 'bfloat16' }),
      double: ops.randn([5]).to({ dtype: 'float64' }),
      transposed: wide.transpose(0, 1),
      narrow: ops.randn([4, 6]).narrow(1, 1, 3),
    }
    const parameters = new Map(Object.entries(tensors).map(([name, one]) => [name, one as Parameter]))
    for (const one of parameters.values()) one.requiresGrad = true
    const optimiser = adamw([{ parameters, weightDecay: 0 }])
    const before = [...parameters.values()].map(one => one.detach().clone())
    backward(
      [...parameters.values()].map(one => one.to({ dtype: 'float64' }).sum()).reduce((a, b) => a.add(b)),
    )
    optimiser.step(LR)
    // the first step is the learning rate, whatever the gradient
    for (const [i, one] of [...parameters.values()].entries()) {
      const moved = before[i]!.to({ dtype: 'float64' }).sub(one.detach().to({ dtype: 'float64' }))
      expect(
        moved
          .sub(ops.full([...one.shape], LR, { dtype: 'float64' }))
          .abs()
          .max()
          .item(),
      ).toBeLessThan(one.dtype === 'bfloat16' ? 0.01 : 1e-6)
    }
    optimiser.dispose()
  }))
