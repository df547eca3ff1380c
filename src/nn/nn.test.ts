import { expect, test } from 'vitest'
import { backward, manualSeed, memory, noGrad, ops, scope, type Tensor, tensor } from '../torch/index.ts'
import {
  BatchNorm2d,
  Buffer,
  Conv2d,
  Dropout2d,
  Embedding,
  FrozenBatchNorm2d,
  kaimingNormal,
  LayerNorm,
  Linear,
  Module,
  Parameter,
  Residual,
  StateDictError,
  skipInit,
  xavierUniform,
} from './index.ts'

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

test('a frozen batch norm is that of eval, keeps PyTorch names, and hands gradients down as autograd would', () => {
  scope(() => {
    const norm = new FrozenBatchNorm2d({ features: 2 })
    expect([...norm.stateDict().keys()]).toEqual([
      'weight',
      'bias',
      'running_mean',
      'running_var',
      'num_batches_tracked',
    ])
    const values = { weight: [2, -1], bias: [0.5, 1], running_mean: [1, 0], running_var: [4, 0.25] }
    const state = new Map(Object.entries(values).map(([name, list]) => [name, tensor(list)]))
    state.set('num_batches_tracked', ops.full([], 7, { dtype: 'int64' }))
    norm.loadStateDict(state)
    expect(norm.numBatchesTracked.item()).toBe(7)
    const x = tensor([1, 3, -5, 0.5, 2, -1], [1, 2, 1, 3])
    const plain = (input: Tensor): Tensor =>
      ops
        .batchNorm(input, norm.weight, norm.bias, norm.runningMean, norm.runningVar, false, 0, 1e-5, false)
        .relu()
    const gradients = [plain, (input: Tensor) => norm.train().forwardRelu(input)].map(forward => {
      const input = x.clone()
      input.requiresGrad = true
      const output = forward(input)
      backward(output.mul(tensor([1, 2, 3, 4, 5, 6], [1, 2, 1, 3])).sum())
      return { output: [...output.toFloat32Array()], gradient: [...input.grad!.toFloat32Array()] }
    })
    expect(gradients[1]!.output).toEqual(gradients[0]!.output)
    for (const [i, want] of gradients[0]!.gradient.entries())
      expect(gradients[1]!.gradient[i]).toBeCloseTo(want, 4)
    expect(norm.weight.grad).toBeUndefined()
    expect([...noGrad(() => norm.forwardRelu(x)).toFloat32Array()]).toEqual(gradients[0]!.output)
    norm.dispose()
  })
})

test('Dropout2d drops whole channels and keeps the expectation; in eval it does nothing', () => {
  scope(() => {
    const dropout = new Dropout2d({ rate: 0.25 })
    const dropped = noGrad(() => dropout.forward(ops.ones([50, 40, 2, 2])))
    const channels = dropped.mean([2, 3]).toFloat32Array()
    expect([...new Set(channels)].sort()).toEqual([0, Math.fround(1 / 0.75)])
    expect(channels.reduce((sum, value) => sum + value, 0) / 2000).toBeCloseTo(1, 1)
    const x = ops.ones([1, 3, 2, 2])
    expect(dropout.eval().forward(x)).toBe(x)
  })
})

test('a convolution without bias, dilated, is the sum it stands for; frozen, it has no gradient', () => {
  scope(() => {
    const conv = new Conv2d({
      inChannels: 1,
      outChannels: 1,
      kernel: 3,
      padding: 2,
      dilation: 2,
      bias: false,
      init: shape => ops.ones(shape),
    })
    expect([...conv.stateDict().keys()]).toEqual(['weight'])
    const x = ops.zeros([1, 1, 5, 5])
    ops.fill_(x.select(2, 0).select(2, 0), 1) // one corner
    const reached = [...noGrad(() => conv.forward(x)).toFloat32Array()]
    expect(reached.flatMap((value, i) => (value === 0 ? [] : [i]))).toEqual([0, 2, 10, 12])
    const input = ops.ones([1, 1, 5, 5])
    input.requiresGrad = true
    backward(conv.freeze().forward(input).sum())
    expect(conv.weight.grad).toBeUndefined()
    expect(input.grad).toBeDefined()
    expect(conv.to('cpu').weight.requiresGrad).toBe(false)
    conv.dispose()
  })
})

test('Kaiming and Xavier draw what PyTorch draws: by fan in, by fan in and out', () => {
  scope(() => {
    const deviation = (values: Float32Array): number =>
      Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
    expect(deviation(kaimingNormal([200, 50, 2, 2]).toFloat32Array())).toBeCloseTo(Math.sqrt(2 / 200), 2)
    const outward = kaimingNormal([200, 50, 2, 2], { fan: 'out', groups: 4, negativeSlope: 2 })
    expect(deviation(outward.toFloat32Array())).toBeCloseTo(Math.sqrt(2 / 5 / 200), 2)
    const uniform = xavierUniform([60, 30, 2, 2], { gain: 3 }).toFloat32Array()
    const bound = 3 * Math.sqrt(6 / 360)
    expect(Math.max(...uniform.map(Math.abs))).toBeLessThanOrEqual(bound)
    expect(deviation(uniform)).toBeCloseTo(bound / Math.sqrt(3), 2)
  })
})

test('what is all loaded is not drawn, also by what waits on the way; the generator stays where it was', async () => {
  const network = () => new Linear({ inFeatures: 3, outFeatures: 2 })
  manualSeed(5)
  const wanted = network()
  manualSeed(5)
  const blank = await skipInit(async () => {
    await new Promise(resolve => setTimeout(resolve, 5))
    return network()
  })
  const drawn = network()
  expect([...blank.weight.toFloat32Array()]).toEqual([0, 0, 0, 0, 0, 0])
  expect(blank.weight.requiresGrad).toBe(true)
  expect([...drawn.weight.toFloat32Array()]).toEqual([...wanted.weight.toFloat32Array()])
  for (const one of [wanted, blank, drawn]) one.dispose()
})

test('a convolution takes its bias as it is drawn', () => {
  const conv = new Conv2d({ inChannels: 1, outChannels: 2, kernel: 1, initBias: shape => ops.ones(shape) })
  expect([...conv.bias!.toFloat32Array()]).toEqual([1, 1])
  conv.dispose()
})

test('a grouped convolution sees its own channels alone', () => {
  const conv = new Conv2d({ inChannels: 4, outChannels: 4, kernel: 3, padding: 1, groups: 4 })
  expect(conv.weight.shape).toEqual([4, 1, 3, 3])
  scope(() => {
    const x = ops.randn([1, 4, 5, 5])
    const all = conv.forward(x)
    for (let channel = 0; channel < 4; channel++) {
      const own = ops.conv2d(x.narrow(1, channel, 1), conv.weight.narrow(0, channel, 1), {
        bias: conv.bias!.narrow(0, channel, 1),
        padding: [1, 1],
      })
      const wanted = own.toFloat32Array()
      for (const [i, value] of all.narrow(1, channel, 1).toFloat32Array().entries())
        expect(value).toBeCloseTo(wanted[i]!, 5)
    }
  })
  conv.dispose()
})

test('batch norm follows the statistics of its batches, and uses them in eval mode', () => {
  const norm = new BatchNorm2d({ features: 1, momentum: 0.25 })
  scope(() => {
    const x = tensor([1, 2, 3, 6], [2, 1, 1, 2]) // mean 3, variance 3.5, unbiased 14 / 3
    const values = (y: Tensor): number[] => [...y.toFloat32Array()]
    for (const [i, value] of values(norm.forward(x)).entries())
      expect(value).toBeCloseTo(([1, 2, 3, 6][i]! - 3) / Math.sqrt(3.5), 4)
    expect(values(norm.runningMean)[0]).toBeCloseTo(0.25 * 3, 5)
    expect(values(norm.runningVar)[0]).toBeCloseTo(0.75 + 0.25 * (14 / 3), 5)
    expect(norm.numBatchesTracked.item()).toBe(1)
    norm.eval()
    const [mean, variance] = [0.75, 0.75 + 0.25 * (14 / 3)]
    for (const [i, value] of values(norm.forward(x)).entries())
      expect(value).toBeCloseTo(([1, 2, 3, 6][i]! - mean) / Math.sqrt(variance), 4)
    expect(norm.numBatchesTracked.item()).toBe(1)
    norm.train()
    backward(norm.forward(x).mul(x).sum())
    expect(norm.weight.grad).toBeDefined()
    expect([...norm.stateDict().keys()]).toEqual([
      'weight',
      'bias',
      'running_mean',
      'running_var',
      'num_batches_tracked',
    ])
  })
  norm.dispose()
})

test('an embedding gives the rows of its table, and learns those alone', () => {
  const table = new Embedding({ count: 4, features: 3 })
  scope(() => {
    const indices = tensor([2, 0, 2], [3]).to({ dtype: 'int64' })
    const rows = table.forward(indices)
    expect(rows.shape).toEqual([3, 3])
    expect([...rows.narrow(0, 1, 1).toFloat32Array()]).toEqual([
      ...table.weight.narrow(0, 0, 1).toFloat32Array(),
    ])
    backward(rows.sum())
    expect([...table.weight.grad!.toFloat32Array()]).toEqual([1, 1, 1, 0, 0, 0, 2, 2, 2, 0, 0, 0])
  })
  table.dispose()
})
