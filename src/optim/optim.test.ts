import { expect, test } from 'vitest'
import { Module, Parameter } from '../nn/index.ts'
import { backward, scope, tensor } from '../torch/index.ts'
import {
  adamw,
  cosineEpoch,
  cosineStep,
  decayGroups,
  polyFloor,
  polySgdMomentum,
  polyStep,
  scaledLr,
  sgd,
} from './index.ts'

class Point extends Module {
  readonly weight = new Parameter(tensor([1, -2, 3, -4], [2, 2]))
  readonly bias = new Parameter(tensor([0.5, 0.25]))
  readonly posEmbed = new Parameter(tensor([1, 1], [1, 2]))
}

/** One step on sum(weight^2)/2 + sum(bias): gradients are the weight itself and ones; posEmbed has none. */
function stepOnce(network: Point, step: () => void): void {
  scope(() => {
    backward(network.weight.mul(network.weight).sum().div(2).add(network.bias.sum()))
    step()
  })
}

test('groups spare one-axis tensors, biases and named parameters from decay', () => {
  const network = new Point()
  expect(decayGroups(network, { weightDecay: 0.1, decays: 'all', noDecay: new Set(['pos_embed']) })).toEqual([
    { parameters: network.parameters(), weightDecay: 0.1, lrScale: 1 },
  ])
  const [spared, decayed] = decayGroups(network, { weightDecay: 0.1, noDecay: new Set(['pos_embed']) })
  expect([...spared!.parameters.keys()]).toEqual(['bias', 'pos_embed'])
  expect([...decayed!.parameters.keys()]).toEqual(['weight'])
  const faster = decayGroups(network, { weightDecay: 0.1, lrScale: name => (name === 'weight' ? 10 : 1) })
  expect(
    faster.map(({ parameters, weightDecay, lrScale }) => [[...parameters.keys()], weightDecay, lrScale]),
  ).toEqual([
    [[], 0, 10],
    [['weight'], 0.1, 10],
    [['bias'], 0, 1],
    [['pos_embed'], 0.1, 1],
  ])
  network.dispose()
})

test('SGD with momentum and coupled decay follows its recurrence', () => {
  const network = new Point()
  const optimiser = sgd([{ parameters: network.parameters(), weightDecay: 0.1, lrScale: 2 }], {
    momentum: 0.9,
  })
  let [w, v] = [3, 0]
  for (let i = 0; i < 3; i++) {
    stepOnce(network, () => optimiser.step(0.01))
    optimiser.zeroGrad()
    v = 0.9 * v + (w + 0.1 * w)
    w -= 0.02 * v
  }
  expect(network.weight.toFloat32Array()[2]).toBeCloseTo(w, 5)
  expect([...network.posEmbed.toFloat32Array()]).toEqual([1, 1]) // no gradient: not even decayed
  network.dispose()
})

test('Nesterov momentum looks ahead along the buffer', () => {
  const network = new Point()
  const groups = [{ parameters: network.parameters(), weightDecay: 0.1 }]
  const optimiser = sgd(groups, { momentum: 0.9, nesterov: true })
  let [w, v] = [3, 0]
  for (let i = 0; i < 3; i++) {
    stepOnce(network, () => optimiser.step(0.01))
    optimiser.zeroGrad()
    const g = w + 0.1 * w
    v = 0.9 * v + g
    w -= 0.01 * (g + 0.9 * v)
  }
  expect(network.weight.toFloat32Array()[2]).toBeCloseTo(w, 5)
  network.dispose()
})

test('poly with a floor: full rate at step 0, a warm-up to the curve, minLr at the end and after', () => {
  const plain = polyFloor({ lr: 1e-4, steps: 50 })
  expect([0, 25, 50, 60].map(plain)).toEqual([1e-4, 9e-5 * 0.5 ** 0.9 + 1e-5, 1e-5, 1e-5])
  const warm = polyFloor({ lr: 2e-3, steps: 30, warmupSteps: 7, minLr: 0 })
  expect(warm(0)).toBe(2e-3)
  expect(warm(7) / warm(1)).toBeCloseTo(7, 10)
  expect(warm(7)).toBeCloseTo(2e-3 * (1 - 7 / 30) ** 0.9, 12)
})

test('AdamW: the first step has the length of the learning rate, whatever the gradient', () => {
  const network = new Point()
  const optimiser = adamw([{ parameters: network.parameters(), weightDecay: 0 }])
  stepOnce(network, () => optimiser.step(0.125))
  expect([...network.weight.toFloat32Array()].map(value => Math.round(value * 1e4) / 1e4)).toEqual([
    0.875, -1.875, 2.875, -3.875,
  ])
  network.dispose()
})

test('a saved optimiser goes on bit for bit', () => {
  const [a, b] = [new Point(), new Point()]
  const [first, second] = [
    adamw(decayGroups(a, { weightDecay: 0.05 })),
    adamw(decayGroups(b, { weightDecay: 0.05 })),
  ]
  stepOnce(a, () => first.step(0.1))
  first.zeroGrad()
  const { tensors, steps } = first.state()
  b.loadStateDict(a.stateDict())
  second.loadState(new Map([...tensors].map(([name, value]) => [name, value.toData()])), steps)
  for (const [network, optimiser] of [
    [a, first],
    [b, second],
  ] as const)
    stepOnce(network, () => optimiser.step(0.1))
  expect([...b.weight.toFloat32Array()]).toEqual([...a.weight.toFloat32Array()])
  a.dispose()
  b.dispose()
})

test('schedules: published warm-up off by one, and the cosine by step', () => {
  const published = cosineEpoch({ lr: 6.25e-5, epochs: 60 })
  expect([0, 1].map(published)).toEqual([1e-6, 1e-6])
  expect(published(2)).toBeCloseTo(1.33e-5, 12)
  expect(published(59)).toBeCloseTo(1.014e-5, 7)
  const stepwise = cosineStep({ lr: 1e-4, steps: 100, warmupSteps: 10, minLr: 1e-5 })
  expect([0, 9, 10, 100].map(stepwise)).toEqual([1e-5, 1e-4, 1e-4, 1e-5])
  expect(scaledLr(5e-4, { batchSize: 64, lrBatch: 512 })).toBe(6.25e-5)
  expect(scaledLr(5e-4, { batchSize: 64, lrBatch: null })).toBe(5e-4)
})

test('the poly rate falls to its power and stays at the last step; published SGD gets the decay as momentum', () => {
  const rate = polyStep({ lr: 0.1, steps: 10 })
  expect(rate(0)).toBe(0.1)
  expect(rate(5)).toBeCloseTo(0.1 * 0.5 ** 0.9, 12)
  expect(rate(9)).toBeCloseTo(0.1 * 0.1 ** 0.9, 12)
  expect(rate(25)).toBe(rate(9))
  expect(polyStep({ lr: 1, steps: 4, power: 1 })(1)).toBe(0.75)
  const warmed = polyStep({ lr: 0.2, steps: 10, power: 1, warmupSteps: 4, warmupRatio: 0.5 })
  for (const [step, expected] of [
    [0, 0.1],
    [2, 0.15],
    [4, 0.12],
    [9, 0.02],
  ] as const)
    expect(warmed(step)).toBeCloseTo(expected, 12)
  const given = { momentum: 0.9, weightDecay: 5e-4 }
  expect(polySgdMomentum({ ...given, momentumBug: true })).toBe(5e-4)
  expect(polySgdMomentum({ ...given, momentumBug: false })).toBe(0.9)
})
