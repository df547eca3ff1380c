import { describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { Linear, Module } from '../nn/index.ts'
import { backward, memory, noGrad, ops, scope } from '../torch/index.ts'
import { DenseNetwork, resnet38Backbone, vitBackbone } from './dense-backbone.ts'
import { Resnet38 } from './resnet38/index.ts'

const VIT = {
  embedDim: 12,
  depth: 4,
  heads: 2,
  patchSize: 8,
  mlpRatio: 2,
  dropPath: 0,
  imageSize: 32,
} as const

class Head extends Module {
  readonly only = new Linear({ inFeatures: 1, outFeatures: 1 })
}

describe('ResNet38', () => {
  test('has the published names and sizes', () => {
    const network = new Resnet38({ frozen: ['conv1a', 'b2', 'b2_1', 'b2_2'] })
    const state = network.stateDict()
    expect(state.size).toBe(228) // 232 with AffinityNet's four
    expect([...state.keys()].slice(0, 8)).toEqual([
      'conv1a.weight',
      'b2.bn_branch2a.weight',
      'b2.bn_branch2a.bias',
      'b2.bn_branch2a.running_mean',
      'b2.bn_branch2a.running_var',
      'b2.bn_branch2a.num_batches_tracked',
      'b2.conv_branch2a.weight',
      'b2.bn_branch2b1.weight',
    ])
    expect(state.get('b4_3.conv_branch2a.weight')!.shape).toEqual([512, 512, 3, 3])
    expect(state.get('b6.conv_branch2b2.weight')!.shape).toEqual([2048, 1024, 1, 1])
    expect(state.get('b7.conv_branch2b1.weight')!.shape).toEqual([2048, 1024, 3, 3])
    expect([...state.keys()].at(-1)).toBe('bn7.num_batches_tracked')
    const frozen = [...network.parameters()].filter(([, { requiresGrad }]) => !requiresGrad)
    const weights = frozen.map(([name]) => name).filter(name => !/\bbn/.test(name.split('.').at(-2)!))
    expect(weights).toEqual([
      'conv1a.weight',
      'b2.conv_branch2a.weight',
      'b2.conv_branch2b1.weight',
      'b2.conv_branch1.weight',
      'b2_1.conv_branch2a.weight',
      'b2_1.conv_branch2b1.weight',
      'b2_2.conv_branch2a.weight',
      'b2_2.conv_branch2b1.weight',
    ])
    network.dispose()
  })

  test.each([
    [17, 25],
    [16, 24],
    [1, 40],
  ])('maps of an image of %i x %i pixels are its eighth, rounded up', (height, width) => {
    scope(() => {
      const { network, forward, channels, stride } = resnet38Backbone({ width: 4 })
      const levels = noGrad(() => forward(ops.rand([2, 3, height, width])))
      expect(levels.map(({ shape }) => shape)).toEqual(
        channels.map(count => [2, count, Math.ceil(height / stride), Math.ceil(width / stride)]),
      )
      expect(channels).toEqual([32, 64, 256])
      network.dispose()
    })
  })

  test('gradients reach what is not frozen, and nothing else; nothing is left behind', () => {
    const before = memory().live
    const { network, forward } = resnet38Backbone({ width: 4, frozen: ['conv1a', 'b2'] })
    scope(() => {
      network.train()
      const [shallow, middle, deep] = forward(ops.rand([1, 3, 24, 24]))
      backward(shallow.sum().add(middle.sum()).add(deep.sum()))
      const trained = [...network.parameters()].filter(([, { grad }]) => grad !== undefined)
      expect(trained.map(([name]) => name)).toContain('b2_1.conv_branch2a.weight')
      expect(trained.some(([name]) => /^(conv1a|b2)\.|(^|\.)bn/.test(name))).toBe(false)
      for (const parameter of network.parameters().values()) parameter.grad = undefined
    })
    network.dispose()
    expect(memory().live).toBe(before)
  })
})

describe('a vision transformer as a backbone', () => {
  test.each([
    [32, 32],
    [41, 23],
    [1, 30],
  ])('maps of %i x %i pixels at half the patch, at three depths', (height, width) => {
    scope(() => {
      const { network, forward, stride } = vitBackbone(VIT)
      expect(stride).toBe(4)
      const levels = noGrad(() => forward(ops.rand([2, 3, height, width])))
      expect(levels.map(({ shape }) => shape)).toEqual(
        Array.from({ length: 3 }, () => [2, 12, Math.ceil(height / 4), Math.ceil(width / 4)]),
      )
      network.dispose()
    })
  })

  test('one block serves for all three depths', () => {
    scope(() => {
      const { network, forward } = vitBackbone({ ...VIT, depth: 1, stride: 8 })
      const levels = noGrad(() => forward(ops.rand([1, 3, 32, 32])))
      expect(new Set(levels).size).toBe(1)
      network.dispose()
    })
  })

  test('starts from a DeiT: one class token and its positions become one per class, the grid is resampled', () => {
    scope(() => {
      const deit = vitBackbone({ ...VIT, imageSize: 40 })
      const weights = new Map([...deit.network.stateDict()].map(([name, value]) => [name, value.toData()]))
      weights.set('head.weight', ops.ones([3, 12]).toData())
      const own = new DenseNetwork({ backbone: vitBackbone({ ...VIT, classTokens: 3 }), head: new Head() })
      const { missing, unexpected } = own.loadPretrained(weights, { file: 'deit.pth' })
      expect(missing).toEqual(['only.weight', 'only.bias'])
      expect(unexpected).toEqual(['head.weight'])
      const token = deit.network.stateDict().get('cls_token')!.toFloat32Array()
      const tokens = own.stateDict().get('cls_token')!
      expect(tokens.shape).toEqual([1, 3, 12])
      expect([...tokens.select(1, 2).toFloat32Array()]).toEqual([...token])
      expect(own.stateDict().get('pos_embed')!.shape).toEqual([1, 3 + 16, 12])
      deit.network.dispose()
      own.dispose()
    })
  })

  test('weights of something else are named', () => {
    scope(() => {
      const own = new DenseNetwork({ backbone: vitBackbone(VIT), head: new Head() })
      const load = () =>
        own.loadPretrained(new Map([['conv1a.weight', ops.ones([1]).toData()]]), { file: 'x.pth' })
      expect(load).toThrow(InputError)
      expect(load).toThrow(
        'x.pth (cls_token): these are not the weights of a DeiT or MCTformer; the backbone has 4 blocks of width 12',
      )
      const foreign = new Map([...own.stateDict()].map(([name, value]) => [name, value.toData()]))
      for (const name of [...foreign.keys()]) if (name.startsWith('blocks.3.')) foreign.delete(name)
      expect(() => own.loadPretrained(foreign, { file: 'x.pth' })).toThrow(
        'x.pth (blocks): weights of another architecture: 3 blocks of width 12; the backbone has 4 blocks of width 12',
      )
      own.dispose()
    })
  })
})

test('weights of a ResNet38 are found in a wrapper, and what they seem to be is said', () => {
  const network = new DenseNetwork({ backbone: resnet38Backbone({ width: 4 }), head: new Head() })
  const weights = new Map([...network.stateDict()].map(([name, value]) => [`module.${name}`, value.toData()]))
  const loaded = network.loadPretrained(weights, { file: 'psa.pth' })
  expect(loaded).toEqual({ missing: [], unexpected: [], folded: ['names without module.'] })
  const vit = new Map([['patch_embed.proj.weight', weights.get('module.conv1a.weight')!]])
  expect(() => network.loadPretrained(vit, { file: 'deit.pth' })).toThrow(
    'deit.pth: holds no weight of the backbone; names such as conv1a.weight, b2.bn_branch2a.weight; the file seems to hold a vision transformer',
  )
  network.dispose()
})

test('a dense network has the names of its backbone and of its head, without a prefix', () => {
  const network = new DenseNetwork({ backbone: resnet38Backbone({ width: 4 }), head: new Head() })
  const names = [...network.stateDict().keys()]
  expect(names[0]).toBe('conv1a.weight')
  expect(names.slice(-2)).toEqual(['only.weight', 'only.bias'])
  expect(() => network.loadPretrained(new Map(), { file: 'empty.pth' })).toThrow(
    'empty.pth: holds no weight of the backbone; names such as conv1a.weight, b2.bn_branch2a.weight',
  )
  network.train()
  expect(network.backbone.network.training && network.head.training).toBe(true)
  network.eval()
  expect(network.backbone.network.training || network.head.training).toBe(false)
  network.dispose()
})
