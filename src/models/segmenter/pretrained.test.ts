import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { jaxArrays } from '../../../test/jax-arrays.ts'
import { InputError } from '../../errors.ts'
import { readNpz } from '../../io/npy.ts'
import { fromFloat32, type TensorData, toFloat32Array } from '../../io/tensor-data.ts'
import { fromData, manualSeed, ops, scope, type Tensor } from '../../torch/index.ts'
import { fromAugreg, isAugreg } from '../vit/index.ts'
import { Segmenter, type SegmenterOptions } from './index.ts'
import { loadSegmenter } from './pretrained.ts'

const SMALL = {
  labels: 3,
  imageSize: 16,
  patchSize: 4,
  embedDim: 8,
  depth: 2,
  heads: 2,
  mlpRatio: 2,
  dropPath: 0,
  headClasses: 5,
} as const satisfies SegmenterOptions

const built: Segmenter[] = []
afterEach(() => {
  for (const network of built.splice(0)) network.dispose()
})

function build(options: Partial<SegmenterOptions> = {}, seed = 1): Segmenter {
  manualSeed(seed)
  const network = new Segmenter({ ...SMALL, ...options })
  built.push(network)
  return network
}

function weightsOf(network: Segmenter): Map<string, TensorData> {
  return new Map([...network.stateDict()].map(([name, value]) => [name, value.toData()]))
}

function ramp(...shape: number[]): TensorData {
  const length = shape.reduce((product, extent) => product * extent, 1)
  return fromFloat32(
    Float32Array.from({ length }, (_, i) => Math.sin(i)),
    shape,
  )
}

/** A DeiT's weights: the encoder's, with positions of a grid of 2 x 2. */
function deitWeights(): Map<string, TensorData> {
  const encoder = [...weightsOf(build({}, 7))].filter(([name]) => name.startsWith('encoder.'))
  const weights = new Map(encoder.map(([name, value]) => [name.slice('encoder.'.length), value]))
  return weights.set('pos_embed', ramp(1, 1 + 4, 8))
}

const values = (tensor: Tensor | TensorData): number[] => [
  ...(tensor instanceof Object && 'handle' in tensor ? tensor.toFloat32Array() : toFloat32Array(tensor)),
]

test('a DeiT fills the encoder: its positions are spread bilinearly, the decoder keeps what was drawn', () => {
  const [network, weights] = [build(), deitWeights()]
  const before = values(network.decoder.clsEmb)
  const { missing, unexpected } = loadSegmenter(network, weights, { file: 'deit.pth' })
  expect(unexpected).toEqual([])
  expect(missing.every(name => name.startsWith('decoder.'))).toBe(true)
  expect(values(network.decoder.clsEmb)).toEqual(before)
  expect(values(network.encoder.head.weight)).toEqual(values(weights.get('head.weight')!))
  scope(() => {
    const grid = fromData(weights.get('pos_embed')!).narrow(1, 1, 4).reshape(1, 2, 2, 8).permute(0, 3, 1, 2)
    const spread = ops.upsampleBilinear2d(grid, [4, 4], false).permute(0, 2, 3, 1).reshape(1, 16, 8)
    expect(values(network.encoder.posEmbed.narrow(1, 1, 16))).toEqual(values(spread))
  })
})

test('a classification network fills the encoder: its class tokens become their mean, its head and extras stay out', () => {
  const [network, weights] = [build(), deitWeights()]
  weights
    .set('cls_token', ramp(1, 3, 8))
    .set('pos_embed', ramp(1, 3 + 16, 8))
    .set('head.weight', ramp(3, 8, 3, 3))
  weights.set('adaptive_attention_fusion.attn_head_ffn.0.weight', ramp(9, 72))
  const { missing, unexpected } = loadSegmenter(network, weights, { file: 'last.safetensors' })
  expect(unexpected).toEqual(['encoder.adaptive_attention_fusion.attn_head_ffn.0.weight'])
  expect(missing.filter(name => name.startsWith('encoder.'))).toEqual([
    'encoder.head.weight',
    'encoder.head.bias',
  ])
  const tokens = values(weights.get('cls_token')!)
  const mean = Array.from({ length: 8 }, (_, i) => (tokens[i]! + tokens[8 + i]! + tokens[16 + i]!) / 3)
  for (const [i, value] of values(network.encoder.clsToken).entries()) expect(value).toBeCloseTo(mean[i]!, 6)
  expect(values(network.encoder.posEmbed.narrow(1, 1, 16))).toEqual(
    values(weights.get('pos_embed')!).slice(3 * 8),
  )
})

test('a Segmenter fills both parts, also at another crop', () => {
  const [network, weights] = [build(), weightsOf(build({ imageSize: 8 }, 5))]
  expect(loadSegmenter(network, weights, { file: 'checkpoint.pth' })).toEqual({
    missing: [],
    unexpected: [],
    folded: ['positions resized from 2 x 2 to 4 x 4'],
  })
  expect(values(network.decoder.projPatch)).toEqual(values(weights.get('decoder.proj_patch')!))
})

test('a wrapped Segmenter is one, and LayerScale is folded into the encoder', () => {
  const wrapped = new Map([...weightsOf(build({}, 5))].map(([name, value]) => [`module.${name}`, value]))
  expect(loadSegmenter(build(), wrapped, { file: 'checkpoint.pth' })).toEqual({
    missing: [],
    unexpected: [],
    folded: ['names without module.'],
  })
  const scaled = deitWeights().set('blocks.0.gamma_1', ramp(8))
  expect(loadSegmenter(build(), scaled, { file: 'beit.pth' }).folded).toEqual([
    'blocks.0.gamma_1 folded into attn.proj',
    'positions resized from 2 x 2 to 4 x 4',
  ])
})

test('patch filters of another size are resized', () => {
  const network = build({ patchSize: 2, imageSize: 8 })
  loadSegmenter(network, deitWeights(), { file: 'deit.pth' })
  expect(network.encoder.patchEmbed.proj.weight.shape).toEqual([8, 3, 2, 2])
})

test('what does not fit is said with the file and the field', () => {
  const attempt = (weights: Map<string, TensorData>) => () =>
    loadSegmenter(build(), weights, { file: 'a.pth' })
  expect(attempt(weightsOf(build({ labels: 60 })))).toThrow(
    "a.pth (decoder.cls_emb): a Segmenter of 60 labels for a network of 3; weights for the data's 2 classes and the background (early files of the authors have 60 labels)",
  )
  expect(attempt(new Map([['conv1a.weight', ramp(4, 3, 3, 3)]]))).toThrow(InputError)
  expect(attempt(deitWeights().set('blocks.2.norm1.bias', ramp(8)))).toThrow(
    'a.pth (blocks): weights of another architecture: 3 blocks of width 8',
  )
  const cut = weightsOf(build())
  cut.delete('decoder.proj_dec.bias')
  expect(attempt(cut)).toThrow(
    'a.pth: the weights do not fit the network: 1 missing: decoder.proj_dec.bias; weights of the same Segmenter',
  )
})

describe('augreg', () => {
  test('every array finds its name and layout, with and without the optimiser around it', () => {
    const weights = deitWeights()
    for (const [name, { shape }] of weights) weights.set(name, ramp(...shape))
    const arrays = jaxArrays(weights, SMALL.heads)
    const wrapped = new Map([...arrays].map(([name, array]) => [`opt/target/${name}`, array]))
    for (const source of [arrays, wrapped]) {
      expect(isAugreg(source)).toBe(true)
      const named = fromAugreg(source, { file: 'vit.npz' })
      expect([...named.keys()].sort()).toEqual([...weights.keys()].sort())
      for (const [name, want] of weights) {
        expect(named.get(name)!.shape, name).toEqual(want.shape)
        expect(values(named.get(name)!), name).toEqual(values(want))
      }
    }
  })

  test('it fills the encoder; positions are spread bicubically, as timm loads them', () => {
    const [network, weights] = [build(), deitWeights()]
    loadSegmenter(network, jaxArrays(weights, SMALL.heads), { file: 'vit.npz' })
    expect(values(network.encoder.blocks[1]!.attn.qkv.weight)).toEqual(
      values(weights.get('blocks.1.attn.qkv.weight')!),
    )
    scope(() => {
      const grid = fromData(weights.get('pos_embed')!).narrow(1, 1, 4).reshape(1, 2, 2, 8).permute(0, 3, 1, 2)
      const spread = ops.upsampleBicubic2d(grid, [4, 4], false).permute(0, 2, 3, 1).reshape(1, 16, 8)
      expect(values(network.encoder.posEmbed.narrow(1, 1, 16))).toEqual(values(spread))
    })
  })

  test('a file of the archive format is read; what it lacks is named', async () => {
    const arrays = await readNpz(
      join(import.meta.dirname, '../../../test/fixtures/checkpoints/augreg_tiny.npz'),
    )
    const named = fromAugreg(arrays, { file: 'augreg_tiny.npz' })
    const shapes = [...named].map(([name, { shape }]) => [name, shape.join()])
    expect(shapes).toEqual([
      ['cls_token', '1,1,12'],
      ['pos_embed', '1,5,12'],
      ['patch_embed.proj.weight', '12,3,16,16'],
      ['patch_embed.proj.bias', '12'],
    ])
    const kernel = toFloat32Array(arrays.get('embedding/kernel')!)
    const filters = toFloat32Array(named.get('patch_embed.proj.weight')!)
    expect(filters[((7 * 3 + 2) * 16 + 5) * 16 + 9]).toBe(kernel[((5 * 16 + 9) * 3 + 2) * 12 + 7])
    arrays.delete('cls')
    expect(() => fromAugreg(arrays, { file: 'augreg_tiny.npz' })).toThrow(
      "augreg_tiny.npz (cls): array missing; the arrays of Google's vision transformers (augreg)",
    )
  })
})
