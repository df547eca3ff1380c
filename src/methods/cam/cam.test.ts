import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { readWeights } from '../../io/weights.ts'
import {
  autocast,
  backward,
  manualSeed,
  memory,
  noGrad,
  ops,
  scope,
  type Tensor,
  tensor,
} from '../../torch/index.ts'
import type { Method } from '../method.ts'
import { buildCam } from './index.ts'
import { type ClassifierCamOptions, classifierCams } from './maps.ts'
import type { Cam } from './model.ts'
import { camModelRecipe, checkCam } from './recipe.ts'

const model = camModelRecipe.parse({
  width: { embedDim: 12, depth: 3, heads: 2 },
  imageSize: 16,
  patchSize: 4,
  dropPath: 0,
})

let method: Method
function build(maps: ClassifierCamOptions = {}): Cam {
  manualSeed(3)
  method = buildCam({ model, numClasses: 5, maps })
  return method.network.eval() as Cam
}
afterEach(() => method?.network.dispose())

const values = (x: Tensor): number[] => [...x.toFloat32Array()]
const noise = (height: number, width: number): Tensor => {
  manualSeed(8)
  return ops.randn([2, 3, height, width])
}

describe('CAMs', () => {
  test.for<ClassifierCamOptions>([
    {},
    { attention: 'fused', layers: 2 },
    { refine: true },
    { attention: 'fused', relu: false },
    { attention: 'fused', refine: true, affinity: 'transposed' },
  ])('%j: one value a patch of an image of any size, never negative, the same twice', options => {
    const network = build()
    scope(() =>
      noGrad(() => {
        for (const [height, width] of [
          [16, 16],
          [12, 30], // 30 is filled up to 32
        ] as const) {
          const images = noise(height, width)
          const maps = classifierCams(network, images, options)
          expect(maps.shape).toEqual([2, 5, height / 4, Math.ceil(width / 4)])
          expect(Math.min(...values(maps))).toBeGreaterThanOrEqual(0)
          expect(Math.max(...values(maps))).toBeGreaterThan(0)
          expect(values(classifierCams(network, images, options))).toEqual(values(maps))
        }
      }),
    )
  })

  test('without relu and bias, their mean is the logit', () => {
    const network = build()
    scope(() =>
      noGrad(() => {
        for (const name of ['head.weight', 'head.bias'])
          ops.normal_(network.stateDict().get(name)!, { std: 1 })
        const images = noise(16, 16)
        const bias = values(network.head.bias!)
        const plain = ops.linear(network.patches(images), network.head.weight) // [B, h*w, C]
        const means = values(plain.mean(1)).map((mean, i) => mean + bias[i % 5]!)
        for (const [i, logit] of values(network.logits(images)).entries())
          expect(logit).toBeCloseTo(means[i]!, 4)
        const maps = values(classifierCams(network, images).reshape(2, 5, 16).transpose(1, 2))
        expect(maps).toEqual(values(plain).map(value => Math.max(0, value)))
      }),
    )
  })

  test('of a class that no patch speaks for: nothing with relu, the same shape without', () => {
    const network = build()
    scope(() =>
      noGrad(() => {
        const images = noise(16, 16)
        const responses = ops.linear(network.patches(images), network.head.weight).transpose(1, 2)
        const low = values(ops.amin(responses, { dim: [-1] }))
        const expected = values(responses).map((value, i) => value - low[Math.floor(i / 16)]!)
        const got = values(classifierCams(network, images, { relu: false }))
        for (const [i, value] of got.entries()) expect(value).toBeCloseTo(expected[i]!, 5)
        expect(Math.min(...got)).toBe(0)
      }),
    )
  })

  test('fused is the CAM times an attention that is the same for every class', () => {
    const network = build()
    scope(() =>
      noGrad(() => {
        const images = noise(16, 16)
        const [alone, fused] = [{}, { attention: 'fused' as const, layers: 1 }].map(options =>
          values(classifierCams(network, images, options).select(0, 0)),
        )
        const shares = fused!.map((value, i) => (alone![i] === 0 ? undefined : value / alone![i]!))
        const patches = Array.from({ length: 16 }, (_, patch) =>
          shares.filter((share, i) => i % 16 === patch && share !== undefined),
        ) as number[][]
        for (const shared of patches) for (const share of shared) expect(share / shared[0]!).toBeCloseTo(1, 4)
        expect(new Set(patches.flatMap(shared => shared[0]?.toFixed(6) ?? [])).size).toBeGreaterThan(1)
      }),
    )
  })

  test('of several views lie in [0, 1], also in bf16, and leave nothing behind', () => {
    build({ attention: 'fused', refine: true })
    const before = memory().live
    scope(() => {
      const views = [noise(16, 20), noise(24, 30)].map(images => images.narrow(0, 0, 1))
      const maps = autocast({ precision: 'bf16' }, () => method.imageCams([{ views, classes: [4, 1] }])[0]!)
      expect(maps.shape).toEqual([2, 16, 20])
      expect(maps.dtype).toBe('float32')
      expect(Math.min(...values(maps))).toBe(0)
      expect(Math.max(...values(maps))).toBeCloseTo(1, 3)
    })
    expect(memory().live).toBe(before)
  })
})

test('the loss reaches every parameter', () => {
  const network = build()
  scope(() => {
    const targets = tensor(Float32Array.of(1, 0, 0, 1, 0, 0, 1, 0, 0, 0), [2, 5])
    const { total, parts } = method.losses(
      { images: noise(16, 16), views: [], boxes: [], targets },
      { epoch: 0, step: 0 },
    )
    expect(Object.keys(parts)).toEqual(['class loss'])
    backward(total)
    const still = [...network.parameters()].filter(
      ([, { grad }]) => grad === undefined || !values(grad).some(Boolean),
    )
    expect(still).toEqual([])
    expect(method.parameterGroups({ weightDecay: 0.1, decays: 'weights' })).toHaveLength(2)
  })
})

test('more layers than blocks are refused', () => {
  expect(checkCam({ model, maps: { layers: 3 } })).toEqual([])
  expect(checkCam({ model, maps: { layers: 4 } })).toEqual([
    { path: ['maps', 'layers'], message: "is more than the network's 3 blocks; expected at most 3" },
  ])
})

describe('weights', () => {
  test('of other classes and another grid: the head is drawn, positions are resampled', () => {
    const other = buildCam({ model: { ...model, imageSize: 24 }, numClasses: 7 })
    const weights = new Map(
      [...other.network.stateDict()].map(([name, value]) => [name, value.toData()] as const),
    )
    other.network.dispose()
    const network = build()
    const { missing, unexpected } = method.loadPretrained(weights, { file: 'deit.pth' })
    expect([missing, unexpected]).toEqual([['head.weight', 'head.bias'], []])
    expect(network.posEmbed.shape).toEqual([1, 17, 12])
    const coarse = { ...model, patchSize: 8 }
    const apart = buildCam({ model: coarse, numClasses: 7 })
    expect(() => apart.loadPretrained(weights, { file: 'deit.pth' })).toThrow(
      'deit.pth: the weights do not fit the network: 1 of another shape: patch_embed.proj.weight [12,3,4,4] for [12,3,8,8]; ' +
        'before that: positions resized from 6 x 6 to 2 x 2; weights of the same model.width and model.patchSize',
    )
    apart.network.dispose()
  })

  const tiny = join(import.meta.dirname, '../../../../shared/data/weights/deit_tiny_patch16_224.safetensors')
  test('the DeiT-Tiny of the shared data', { timeout: 60_000 }, async context => {
    await access(tiny).catch(() => context.skip())
    method = buildCam({ model: camModelRecipe.parse({ width: 'deit-ti' }), numClasses: 20 })
    const weights = await readWeights(tiny)
    const { missing, unexpected } = method.loadPretrained(weights, { file: tiny })
    expect([missing, unexpected]).toEqual([['head.weight', 'head.bias'], []])
    const own = method.network.stateDict()
    for (const name of ['blocks.0.attn.qkv.weight', 'norm.weight', 'pos_embed'])
      expect(Buffer.compare(own.get(name)!.toData().data, weights.get(name)!.data), name).toBe(0)
  })
})
