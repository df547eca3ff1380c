import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { jaxArrays } from '../../test/jax-arrays.ts'
import { InputError } from '../errors.ts'
import { readSafetensors } from '../io/safetensors.ts'
import { fromFloat32, type TensorData, toFloat32Array } from '../io/tensor-data.ts'
import { loadClassTokenWeights } from './class-token-weights.ts'
import { Mctformer, type MctformerOptions } from './mctformer/model.ts'

const DEIT = fileURLToPath(
  new URL('../../../shared/data/weights/deit_tiny_patch16_224.safetensors', import.meta.url),
)

const small = {
  variant: 'v2',
  numClasses: 4,
  imageSize: 8,
  patchSize: 2,
  embedDim: 6,
  depth: 2,
  heads: 2,
} as const

const built: Mctformer[] = []
afterEach(() => {
  for (const network of built.splice(0)) network.dispose()
})

function build(options: Partial<MctformerOptions> = {}): Mctformer {
  const network = new Mctformer({ mlpRatio: 2, dropPath: 0, baseImageSize: 8, ...small, ...options })
  built.push(network)
  return network
}

/** What a checkpoint of the network would hold. */
function weightsOf(network: Mctformer): Map<string, TensorData> {
  return new Map([...network.stateDict()].map(([name, value]) => [name, value.toData()]))
}

/** Weights under a DeiT's names and shapes: one class token, and with `distilled` one more. */
function deitWeights({ grid = 4, distilled = false } = {}): Map<string, TensorData> {
  const { embedDim } = small
  const ramp = (...shape: number[]): TensorData => {
    const count = shape.reduce((product, extent) => product * extent, 1)
    return fromFloat32(
      Float32Array.from({ length: count }, (_, i) => i),
      shape,
    )
  }
  const weights = weightsOf(build())
  weights.set('cls_token', ramp(1, 1, embedDim))
  weights.set('pos_embed', ramp(1, (distilled ? 2 : 1) + grid ** 2, embedDim))
  weights.set('head.weight', ramp(10, embedDim))
  weights.set('head.bias', ramp(10))
  if (!distilled) return weights
  weights.set('dist_token', ramp(1, 1, embedDim))
  weights.set('head_dist.weight', ramp(10, embedDim))
  return weights.set('head_dist.bias', ramp(10))
}

const values = (network: Mctformer, name: string): number[] => [
  ...network.stateDict().get(name)!.toFloat32Array(),
]
const rows = (
  weights: ReadonlyMap<string, TensorData>,
  name: string,
  from: number,
  to?: number,
): number[] => {
  const { shape } = weights.get(name)!
  const width = shape.at(-1)!
  return [...toFloat32Array(weights.get(name)!)].slice(
    from * width,
    to === undefined ? undefined : to * width,
  )
}
const times = (count: number, entry: readonly number[]): number[] => Array(count).fill(entry).flat()

describe('weights of a DeiT', () => {
  test.for([false, true])('one class token becomes one per class (distilled: %s)', distilled => {
    const weights = deitWeights({ distilled })
    const network = build()
    const { missing, unexpected } = loadClassTokenWeights(network, weights, { file: 'deit.safetensors' })
    expect(missing).toEqual(['head.weight', 'head.bias'])
    expect(unexpected).toEqual([])
    expect(values(network, 'cls_token')).toEqual(times(4, rows(weights, 'cls_token', 0)))
    const first = distilled ? 2 : 1
    expect(values(network, 'pos_embed')).toEqual([
      ...times(4, rows(weights, 'pos_embed', 0, 1)),
      ...rows(weights, 'pos_embed', first),
    ])
    expect(values(network, 'blocks.1.mlp.fc2.weight')).toEqual(rows(weights, 'blocks.1.mlp.fc2.weight', 0))
  })

  test('MCTformer+ copies every position into a 2 x 2 block', () => {
    const weights = deitWeights()
    const network = build({ variant: 'plus', imageSize: 16 })
    const { missing } = loadClassTokenWeights(network, weights, { file: 'deit.safetensors' })
    expect(missing).toEqual(['head.weight', 'head.bias'])
    expect(values(network, 'pos_embed')).toEqual(rows(weights, 'pos_embed', 0))
    expect(values(network, 'pos_embed_cls')).toEqual(times(4, rows(weights, 'pos_embed', 0, 1)))
    const doubled = Array.from({ length: 64 }, (_, i) => 1 + 4 * ((i >> 3) >> 1) + ((i & 7) >> 1))
    expect(values(network, 'pos_embed_pat')).toEqual(
      doubled.flatMap(row => rows(weights, 'pos_embed', row, row + 1)),
    )
  })

  test('the DeiT-Tiny of the shared data', async ({ skip }) => {
    if (!existsSync(DEIT)) return skip(`${DEIT} is not there`)
    const { tensors } = await readSafetensors(DEIT)
    const tiny = { embedDim: 192, depth: 12, heads: 3, patchSize: 16, mlpRatio: 4 }
    const network = build({ ...tiny, numClasses: 20, imageSize: 224, baseImageSize: 224 })
    expect(loadClassTokenWeights(network, tensors, { file: DEIT })).toEqual({
      missing: ['head.weight', 'head.bias'],
      unexpected: [],
      folded: ['class token repeated 20 times'],
    })
    expect(values(network, 'cls_token')).toEqual(times(20, rows(tensors, 'cls_token', 0)))
    expect(values(network, 'pos_embed').slice(20 * 192)).toEqual(rows(tensors, 'pos_embed', 1))
    expect(() => loadClassTokenWeights(build({ ...tiny, patchSize: 8 }), tensors, { file: DEIT })).toThrow(
      /deit_tiny.*of another shape: patch_embed\.proj\.weight \[192,3,16,16\] for \[192,3,8,8\]/,
    )
    expect(() => loadClassTokenWeights(build({ ...tiny, depth: 2 }), tensors, { file: DEIT })).toThrow(
      /deit_tiny.*\(model\.width\): weights of another architecture: 12 blocks of width 192; .* 2 blocks of width 192/,
    )
  })
})

test('of another shape: what is drawn is not missing, and what nobody knows is said', () => {
  const weights = deitWeights()
    .set('foo.bar', fromFloat32(new Float32Array(3)))
    .set('blocks.1.mlp.fc1.bias', fromFloat32(new Float32Array(5)))
  expect(() => loadClassTokenWeights(build(), weights, { file: 'a.pth' })).toThrow(
    'a.pth: the weights do not fit the network: 1 unexpected: foo.bar; 1 of another shape: blocks.1.mlp.fc1.bias [5] for [12]; ' +
      'before that: class token repeated 4 times; weights of the same model.patchSize and width',
  )
})

describe('weights of another MCTformer', () => {
  test.for(['v1', 'v2', 'plus'] as const)('%s: its own checkpoint comes back whole', variant => {
    const weights = weightsOf(build({ variant }))
    const network = build({ variant })
    expect(loadClassTokenWeights(network, weights, { file: 'best.safetensors' })).toEqual({
      missing: [],
      unexpected: [],
    })
    expect(weightsOf(network)).toEqual(weights)
  })

  test('as many classes as make another square of positions', () => {
    // 10 classes and 4 x 4 patches: 26 positions, as one class token and 5 x 5 patches would have
    const weights = weightsOf(build({ numClasses: 10 }))
    const network = build({ numClasses: 10 })
    loadClassTokenWeights(network, weights, { file: 'best.safetensors' })
    expect(weightsOf(network)).toEqual(weights)
  })

  test.for([
    ['v2', 'plus', ['pos_embed']], // DeiT's own, which nothing reads
    ['plus', 'v2', []],
  ] as const)('%s weights in a %s network keep their positions', ([from, to, missing]) => {
    const weights = weightsOf(build({ variant: from }))
    const network = build({ variant: to })
    const adapted = loadClassTokenWeights(network, weights, { file: 'best.safetensors' })
    expect(adapted).toEqual({ missing, unexpected: [] })
    const all = (state: ReadonlyMap<string, TensorData>, variant: string): number[] =>
      variant === 'plus'
        ? ['pos_embed_cls', 'pos_embed_pat'].flatMap(name => rows(state, name, 0))
        : rows(state, 'pos_embed', 0)
    expect(all(weightsOf(network), to)).toEqual(all(weights, from))
  })

  test('of other classes are refused', () => {
    const weights = weightsOf(build({ numClasses: 3 }))
    expect(() => loadClassTokenWeights(build(), weights, { file: 'best.safetensors' })).toThrow(
      /best\.safetensors \(cls_token\): 3 class tokens for a network of 4 classes; weights of the same classes/,
    )
  })
})

describe('weights of a relative', () => {
  test('wrapped, with LayerScale and without biases, become those of a DeiT', () => {
    const weights = deitWeights()
    const gamma = fromFloat32(Float32Array.of(1, 2, 3, 4, 5, 6), [6])
    const matrix = rows(weights, 'blocks.0.attn.proj.weight', 0)
    weights.set('blocks.0.ls1.gamma', gamma).delete('blocks.1.attn.qkv.bias')
    const wrapped = new Map([...weights].map(([name, value]) => [`module.backbone.${name}`, value]))
    const network = build()
    expect(loadClassTokenWeights(network, wrapped, { file: 'dino.pth' })).toEqual({
      missing: ['head.weight', 'head.bias'],
      unexpected: [],
      folded: [
        'names without module.backbone.',
        'blocks.0.ls1.gamma folded into attn.proj',
        'blocks.1.attn.qkv.bias zero, as the file has no such bias',
        'class token repeated 4 times',
      ],
    })
    const scaled = matrix.map((value, i) => Math.fround(value * (1 + Math.floor(i / 6))))
    expect(values(network, 'blocks.0.attn.proj.weight')).toEqual(scaled)
    expect(values(network, 'blocks.1.attn.qkv.bias')).toEqual(Array(18).fill(0))
  })

  test("of Google's arrays are those of a DeiT", () => {
    const weights = deitWeights()
    const network = build()
    const arrays = jaxArrays(weights, small.heads)
    expect(loadClassTokenWeights(network, arrays, { file: 'S_16.npz' })).toEqual({
      missing: ['head.weight', 'head.bias'],
      unexpected: [],
      folded: ["augreg's arrays", 'class token repeated 4 times'],
    })
    expect(values(network, 'blocks.1.attn.qkv.weight')).toEqual(rows(weights, 'blocks.1.attn.qkv.weight', 0))
  })

  test('that computes something else are refused', () => {
    const weights = deitWeights()
    weights.set('register_tokens', weights.get('cls_token')!)
    expect(() => loadClassTokenWeights(build(), weights, { file: 'dino.pth' })).toThrow(
      'dino.pth (register_tokens): weights of a network that computes something else: register_tokens: register tokens take part in every attention; weights of a plain vision transformer such as DeiT, without these',
    )
  })

  test('of another size say which, and how to go on', () => {
    const [weights, file] = [deitWeights(), 'deit.pth']
    const load = (options: Partial<MctformerOptions>) => () =>
      loadClassTokenWeights(build(options), weights, { file })
    expect(load({ depth: 3 })).toThrow(
      "deit.pth (model.width): weights of another architecture: 2 blocks of width 6; the recipe's network has 3 blocks of width 6: another file",
    )
    const small = new Map(
      Array.from({ length: 12 }, (_, i) => [`blocks.${i}.norm1.weight`, weights.get('cls_token')!]),
    )
    small.set('cls_token', fromFloat32(new Float32Array(384), [1, 1, 384]))
    small.set('patch_embed.proj.weight', weights.get('patch_embed.proj.weight')!)
    expect(() => loadClassTokenWeights(build(), small, { file })).toThrow(
      "deit.pth (model.width): weights of another architecture: 12 blocks of width 384; the recipe's network has 2 blocks of width 6: --set model.width=deit-s, or another file",
    )
    expect(load({ patchSize: 4 })).toThrow(
      "weights of the same model.patchSize and width: the file's patches have 2 pixels, --set model.patchSize=2 or another file",
    )
    const resnet = new Map([['layer1.0.conv1.weight', weights.get('head.weight')!]])
    expect(() => loadClassTokenWeights(build(), resnet, { file })).toThrow(
      'deit.pth (cls_token): these are not the weights of a DeiT, MCTformer or WeakTr; a vision transformer with cls_token, pos_embed and blocks.*; the file seems to hold a ResNet',
    )
  })
})

test('weights of something else are refused by name', () => {
  const load = (weights: Map<string, TensorData>): unknown =>
    loadClassTokenWeights(build(), weights, { file: 'resnet.safetensors' })
  const weights = deitWeights()
  expect(() => load(new Map([['conv1.weight', weights.get('head.weight')!]]))).toThrow(
    /resnet\.safetensors \(cls_token\): these are not the weights of a DeiT, MCTformer or WeakTr/,
  )
  expect(() => load(weights.set('pos_embed', fromFloat32(new Float32Array(6 * 15), [1, 15, 6])))).toThrow(
    /resnet\.safetensors \(pos_embed\): 14 patch positions are not a square grid/,
  )
  expect(() => load(weights)).toThrow(InputError)
})
