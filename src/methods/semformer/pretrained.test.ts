import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { TensorData } from '../../io/tensor-data.ts'
import { readWeights } from '../../io/weights.ts'
import { adaptVisionTransformer, VisionTransformer } from '../../models/vit/index.ts'
import type { Module } from '../../nn/index.ts'
import { manualSeed, scope, Tensor } from '../../torch/index.ts'
import { Caae } from './caae.ts'
import { Semformer } from './model.ts'
import { loadCaae, loadSemformer } from './pretrained.ts'

const SIZES = { embedDim: 12, depth: 2, heads: 3, patchSize: 4, mlpRatio: 2, dropPath: 0 }
const FILE = { file: 'weights.pth' }

const built: Module[] = []
function made<M extends Module>(network: M): M {
  built.push(network)
  return network
}
afterEach(() => {
  for (const network of built.splice(0)) network.dispose()
})

const stateOf = (network: Module): Map<string, TensorData> =>
  new Map([...network.stateDict()].map(([name, value]) => [name, value.toData()]))
const valuesOf = (network: Module, name: string): number[] => [
  ...network.stateDict().get(name)!.toFloat32Array(),
]

function semformer(options: { imageSize?: number; numClasses?: number } = {}): Semformer {
  return made(new Semformer({ ...SIZES, imageSize: 16, numClasses: 4, classDim: 8, ...options }))
}
function caae(options: { imageSize?: number; numClasses?: number; distilled?: number } = {}): Caae {
  const own = { ...SIZES, imageSize: 16, numClasses: 4, classDim: 8, decoderWidth: 6, decoderDepth: 1 }
  return made(new Caae({ ...own, ...options }))
}

describe('a DeiT', () => {
  test('gives its class token and positions to every class, its patch positions to the grid', () => {
    manualSeed(2)
    const deit = made(new VisionTransformer({ ...SIZES, imageSize: 16 }))
    const network = semformer()
    const { missing, unexpected } = loadSemformer(network, stateOf(deit), FILE)
    expect(unexpected).toEqual([])
    expect(missing).toEqual([
      'segmentor.backbone.model.pos_embed',
      'segmentor.cls_head.weight',
      'segmentor.cls_head.bias',
      'segmentor.seg_head.1.weight',
      'segmentor.seg_head.1.bias',
    ])
    const positions = valuesOf(deit, 'pos_embed')
    const repeated = (one: number[]): number[] => Array.from({ length: 4 }, () => one).flat()
    expect(valuesOf(network, 'segmentor.cls_token')).toEqual(repeated(valuesOf(deit, 'cls_token')))
    expect(valuesOf(network, 'segmentor.cls_posembed')).toEqual(repeated(positions.slice(0, 12)))
    expect(valuesOf(network, 'segmentor.backbone.grid_posembed')).toEqual(positions.slice(12))
  })

  test('of another grid and in a wrapper fits the encoder; one of another width is refused', () => {
    const deit = made(new VisionTransformer({ ...SIZES, imageSize: 24 }))
    const wrapped = new Map([...stateOf(deit)].map(([name, value]) => [`module.${name}`, value]))
    const network = caae()
    const { missing, folded } = loadCaae(network, wrapped, FILE)
    expect(folded).toEqual(['names without module.', 'positions resized from 6 x 6 to 4 x 4'])
    expect(missing.filter(name => name.startsWith('encoder.'))).toEqual([])
    expect(valuesOf(network, 'encoder.vit_backbone.model.norm.weight')).toEqual(valuesOf(deit, 'norm.weight'))
    const wide = made(new VisionTransformer({ ...SIZES, embedDim: 24, imageSize: 24 }))
    expect(() => loadCaae(network, stateOf(wide), FILE)).toThrow(
      "weights.pth (autoencoder.width): weights of another architecture: 2 blocks of width 24; the recipe's network has 2 blocks of width 12: another file",
    )
  })

  const tiny = join(import.meta.dirname, '../../../../shared/data/weights/deit_tiny_patch16_224.safetensors')
  test('the DeiT-Tiny of the shared data', { timeout: 60_000 }, async context => {
    await access(tiny).catch(() => context.skip())
    const sizes = { embedDim: 192, depth: 12, heads: 3, patchSize: 16, mlpRatio: 4, dropPath: 0 }
    const network = made(new Semformer({ ...sizes, imageSize: 224, numClasses: 21 }))
    const { missing } = loadSemformer(network, await readWeights(tiny), { file: tiny })
    expect(missing.filter(name => !/cls_head|seg_head/.test(name))).toEqual([])
  })
})

describe('their own checkpoints', () => {
  test('are taken whole, also for another grid; class parts of other classes are drawn', () => {
    const [from, same, larger, other] = [
      semformer(),
      semformer(),
      semformer({ imageSize: 24 }),
      semformer({ numClasses: 6 }),
    ]
    expect(loadSemformer(same, stateOf(from), FILE).missing).toEqual([])
    expect(stateOf(same)).toEqual(stateOf(from))
    expect(loadSemformer(larger, stateOf(from), FILE).missing).toEqual([])
    expect(larger.backbone.gridPosembed.shape).toEqual([1, 36, 12])
    const { missing } = loadSemformer(other, stateOf(from), FILE)
    expect(missing.every(name => /cls_token|cls_posembed|cls_head|seg_head/.test(name))).toBe(true)
    expect(missing).toHaveLength(6)
  })

  test('of an autoencoder: distilled or not', () => {
    const [from, plain] = [caae({ distilled: 3 }), caae()]
    const { missing, unexpected } = loadCaae(plain, stateOf(from), FILE)
    expect(missing).toEqual([])
    expect(unexpected).toHaveLength(0)
    expect(loadCaae(from, stateOf(plain), FILE).missing).toHaveLength(3)
  })

  test('a vision transformer starts from a segmentation network, its class token the mean', () => {
    const from = semformer()
    const vit = made(new VisionTransformer({ ...SIZES, imageSize: 16 }))
    scope(() => {
      const { weights } = adaptVisionTransformer(vit, stateOf(from), FILE)
      const { missing, unexpected } = vit.loadStateDict(weights, { strict: false })
      expect([missing, unexpected]).toEqual([[], []])
      const token = weights.get('cls_token')!
      expect(token instanceof Tensor && token.shape).toEqual([1, 1, 12])
    })
    expect(valuesOf(vit, 'pos_embed').slice(12)).toEqual(valuesOf(from, 'segmentor.backbone.grid_posembed'))
    expect(() => adaptVisionTransformer(vit, stateOf(caae()), FILE)).toThrow(
      "weights.pth (encoder.vit_cls_token): has no class tokens; weights of SemFormer's segmentation network; those of its autoencoder have none",
    )
  })
})
