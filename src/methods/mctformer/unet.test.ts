import { describe, expect, test } from 'vitest'
import { backward, manualSeed, memory, noGrad, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import { minMax } from '../multi-scale.ts'
import { fuseCams } from './fusion.ts'
import { trainingLosses } from './index.ts'
import { mctformerCams } from './maps.ts'
import { Mctformer, type Variant } from './model.ts'
import { unetLoss } from './unet-loss.ts'

const NUM_CLASSES = 3
const UNET = { width: 16, levels: 3 }

function build(variant: Variant, { withUnet }: { withUnet: boolean }): Mctformer {
  manualSeed(5)
  return new Mctformer({
    variant,
    numClasses: NUM_CLASSES,
    imageSize: 32,
    patchSize: 8,
    embedDim: 12,
    depth: 2,
    heads: 2,
    mlpRatio: 2,
    dropPath: 0.5,
    unet: withUnet ? UNET : undefined,
  })
}

const bytes = (tensor: Tensor): number[] => [...tensor.toFloat32Array()]

/** Every part of the loss, and the gradient of every parameter, after one step's backward. */
function trained(network: Mctformer): Map<string, number[]> {
  manualSeed(6)
  const found = scope(() => {
    const images = ops.randn([4, 3, 32, 32])
    const targets = tensor([1, 0, 0, 0, 1, 1, 1, 0, 1, 0, 0, 1], [4, NUM_CLASSES])
    const { total, parts } = trainingLosses(network.train(), { images, targets })
    backward(total)
    const gradients = [...network.parameters()].map(([name, { grad }]): [string, number[]] => [
      name,
      grad === undefined ? [] : bytes(grad),
    ])
    for (const parameter of network.parameters().values()) parameter.grad = undefined
    const losses = Object.entries(parts).map(([name, part]): [string, number[]] => [name, bytes(part)])
    return new Map([...gradients, ...losses])
  })
  return found
}

describe.for(['v1', 'v2', 'plus'] as const)('MCTformer %s with a U-Net', variant => {
  test('learns as without it, bit for bit, and the U-Net beside it', () => {
    const before = memory().live
    const [plain, joined] = [build(variant, { withUnet: false }), build(variant, { withUnet: true })]
    const own = [...plain.stateDict()]
    for (const [name, value] of own) expect(bytes(joined.stateDict().get(name)!), name).toEqual(bytes(value))
    const added = [...joined.stateDict().keys()].filter(name => !plain.stateDict().has(name))
    expect(added.length).toBeGreaterThan(20)
    expect(added.every(name => name.startsWith('unet.'))).toBe(true)
    const [without, withUnet] = [trained(plain), trained(joined)]
    for (const [name, values] of without) expect(withUnet.get(name), name).toEqual(values)
    expect([...withUnet.keys()].filter(name => !without.has(name))).toEqual([...added, 'unet loss'])
    for (const name of added) expect(withUnet.get(name)!.length, name).toBeGreaterThan(0)
    for (const network of [plain, joined]) network.dispose()
    expect(memory().live).toBe(before)
  })

  test('has maps of 4 x 4 pixels in [0, 1] for images of any size', () => {
    scope(() => {
      const [plain, joined] = [
        build(variant, { withUnet: false }).eval(),
        build(variant, { withUnet: true }).eval(),
      ]
      const images = ops.randn([2, 3, 45, 26]) // 5 x 3 patches of 8
      const make = (network: Mctformer, fusion: 'geometric' | 'mean', unetShare = 0.3): Tensor =>
        noGrad(() => mctformerCams(network, images, { layers: 2, fusion, unetShare }).maps)
      for (const fusion of ['geometric', 'mean'] as const) {
        const maps = make(joined, fusion)
        expect(maps.shape).toEqual([2, NUM_CLASSES, 10, 6])
        expect(bytes(maps).every(value => value >= 0 && value <= 1)).toBe(true)
        expect(bytes(make(plain, fusion))).toEqual(bytes(make(plain, fusion, 0))) // nothing to fuse with
        expect(bytes(make(joined, fusion, 0))).toEqual(bytes(make(plain, fusion)))
      }
      for (const network of [plain, joined]) network.dispose()
    })
  })
})

test('maps are fused after each is stretched to [0, 1]', () => {
  scope(() => {
    const coarse = tensor([0, 8, 4, 2], [1, 1, 2, 2])
    const evidence = tensor([-1, 3, 1, -5], [1, 1, 2, 2])
    const a = bytes(minMax(coarse))
    const stretched = { geometric: bytes(minMax(evidence)), mean: bytes(minMax(evidence.sigmoid())) }
    const fused = (fusion: 'geometric' | 'mean', share: number): number[] =>
      bytes(fuseCams(coarse, evidence, { fusion, share }))
    const close = (got: number[], want: number[]): void =>
      got.forEach((value, i) => {
        expect(value).toBeCloseTo(want[i]!, 5)
      })
    for (const fusion of ['geometric', 'mean'] as const) {
      close(fused(fusion, 0), a)
      close(fused(fusion, 1), stretched[fusion])
    }
    close(
      fused('mean', 0.25),
      a.map((value, i) => 0.75 * value + 0.25 * stretched.mean[i]!),
    )
    close(
      fused('geometric', 0.25),
      a.map((value, i) => value ** 0.75 * stretched.geometric[i]! ** 0.25),
    )
    expect(a[1]).toBeCloseTo(1, 6)
  })
})

function extremes(evidence: Tensor, label: number): { least: number; most: number } {
  const values = bytes(evidence.narrow(1, label, 1).contiguous())
  return { least: Math.min(...values), most: Math.max(...values) }
}

test('the U-Net finds the tag where the transformer is sure of it, and no class that is not tagged', () => {
  scope(() => {
    manualSeed(3)
    const maps = ops.zeros([1, 3, 4, 4])
    ops.fill_(maps.narrow(1, 0, 1).narrow(3, 0, 1), 1) // class 0 on the left
    ops.fill_(maps.narrow(1, 2, 1), 5) // class 2 everywhere, but it is not tagged
    const tags = tensor([1, 0, 0], [1, 3])
    const evidence = ops.zeros([1, 3, 16, 16])
    evidence.requiresGrad = true
    for (let step = 0; step < 60; step++) {
      backward(unetLoss(evidence, { maps, tags, foreground: 0.2 }))
      noGrad(() => ops.sub_(evidence, evidence.grad!.mul(300)))
      evidence.grad = undefined
    }
    const [left, right] = [evidence.narrow(3, 0, 2), evidence.narrow(3, 12, 4)]
    expect(extremes(left, 0).least).toBeGreaterThan(2)
    expect(extremes(right, 0).most).toBeLessThan(-1)
    for (const absent of [1, 2]) expect(extremes(evidence, absent).most).toBeLessThan(-1)
  })
})
