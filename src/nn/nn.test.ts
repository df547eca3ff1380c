import { expect, test } from 'vitest'
import { memory, noGrad, ops, scope, tensor } from '../torch/index.ts'
import { Buffer, Conv2d, LayerNorm, Linear, Module, Parameter, Residual, StateDictError } from './index.ts'

class Nested extends Module {
  readonly clsToken = new Parameter(ops.zeros([1, 2]))
  readonly layers = [new Linear({ inFeatures: 2, outFeatures: 3 }), new LayerNorm({ features: 3 })]
  readonly named = { b4_3: new Conv2d({ inChannels: 1, outChannels: 1, kernel: 1 }) }
  readonly runningMean = new Buffer(ops.ones([3]))
  readonly absent: Parameter | undefined = undefined
}

const NAMES = [
  'cls_token',
  'layers.0.weight',
  'layers.0.bias',
  'layers.1.weight',
  'layers.1.bias',
  'named.b4_3.weight',
  'named.b4_3.bias',
  'running_mean',
]

test("names are PyTorch's, buffers are state but no parameters", () => {
  const network = new Nested()
  expect([...network.stateDict().keys()]).toEqual(NAMES)
  expect([...network.parameters().keys()]).toEqual(NAMES.slice(0, -1))
  network.dispose()
})

test('a state dict round-trips, and one that does not fit says what is wrong', () => {
  const [from, to] = [new Nested(), new Nested()]
  const weights = new Map([...from.stateDict()].map(([name, value]) => [name, value.toData()]))
  to.loadStateDict(weights)
  expect([...to.stateDict().get('layers.0.weight')!.toFloat32Array()]).toEqual([
    ...from.stateDict().get('layers.0.weight')!.toFloat32Array(),
  ])
  weights.set('extra', weights.get('cls_token')!)
  weights.delete('layers.0.bias')
  weights.set('running_mean', { dtype: 'float32', shape: [4], data: new Uint8Array(16) })
  expect(() => to.loadStateDict(weights)).toThrow(StateDictError)
  expect(() => to.loadStateDict(weights)).toThrow(
    'the weights do not fit the network: 1 missing: layers.0.bias; 1 unexpected: extra; 1 of another shape: running_mean [4] for [3]',
  )
  weights.delete('running_mean')
  expect(to.loadStateDict(weights, { strict: false })).toEqual({
    missing: ['layers.0.bias', 'running_mean'],
    unexpected: ['extra'],
  })
  from.dispose()
  to.dispose()
})

test('parameters outlive scopes and end with dispose', () => {
  const before = memory().live
  const network = scope(() => new Nested())
  expect(memory().live).toBe(before + NAMES.length)
  network.dispose()
  expect(memory().live).toBe(before)
})

test('drop-path keeps the expectation in training and is the plain sum in eval', () => {
  scope(() => {
    const residual = new Residual({ rate: 0.5 })
    const [x, branch] = [ops.zeros([2000, 1]), ops.ones([2000, 1])]
    const dropped = noGrad(() => residual.forward(x, branch)).toFloat32Array()
    expect(new Set(dropped)).toEqual(new Set([0, 2]))
    expect(dropped.reduce((sum, value) => sum + value, 0) / 2000).toBeCloseTo(1, 0)
    expect(new Set(residual.eval().forward(x, branch).toFloat32Array())).toEqual(new Set([1]))
  })
})

test('LayerNorm has mean 0 and variance 1, eps inside the root', () => {
  scope(() => {
    const norm = new LayerNorm({ features: 4 })
    const [a, b, c, d] = norm.forward(tensor([1, 2, 3, 4], [1, 4])).toFloat32Array()
    const unit = 1 / Math.sqrt(1.25 + 1e-6)
    for (const [got, want] of [
      [a, -1.5],
      [b, -0.5],
      [c, 0.5],
      [d, 1.5],
    ])
      expect(got).toBeCloseTo(want! * unit, 5)
    norm.dispose()
  })
})
