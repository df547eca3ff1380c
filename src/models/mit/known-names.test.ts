import { describe, expect, test } from 'vitest'
import { fromFloat32, type TensorData } from '../../io/tensor-data.ts'
import { manualSeed, scope } from '../../torch/index.ts'
import { knownMitNames } from './known-names.ts'
import { MixTransformer } from './mix-transformer.ts'
import { adaptMit } from './pretrained.ts'
import { mit } from './sizes.ts'

type Weights = Map<string, TensorData>
const SIZES = { ...mit['mit-b1'], embedDims: [8, 16, 20, 32], depths: [1, 2, 1, 1] } as const

function own(): Weights {
  manualSeed(1)
  const network = new MixTransformer(SIZES)
  const weights = new Map([...network.stateDict()].map(([name, value]) => [name, value.toData()] as const))
  network.dispose()
  return weights
}

const rows = ({ dtype, shape, data }: TensorData, from: number, to: number): TensorData => {
  const row = data.byteLength / shape[0]!
  return { dtype, shape: [to - from, ...shape.slice(1)], data: data.slice(from * row, to * row) }
}
const stacked = (...parts: TensorData[]): TensorData => ({
  dtype: 'float32',
  shape: [parts.reduce((sum, { shape }) => sum + shape[0]!, 0), ...parts[0]!.shape.slice(1)],
  data: new Uint8Array(Buffer.concat(parts.map(({ data }) => data))),
})

/** As transformers names them. */
function huggingFace(weights: Weights, prefix: string): Weights {
  const theirs: Weights = new Map()
  for (const [name, value] of weights) {
    const before = (stage: string) => Number(stage) - 1
    const named = name
      .replace(/^patch_embed(\d)\.proj/, (_, s: string) => `patch_embeddings.${before(s)}.proj`)
      .replace(/^patch_embed(\d)\.norm/, (_, s: string) => `patch_embeddings.${before(s)}.layer_norm`)
      .replace(/^norm(\d)\./, (_, s: string) => `layer_norm.${before(s)}.`)
      .replace(/^block(\d)\./, (_, s: string) => `block.${before(s)}.`)
      .replace(/\.norm([12])\./, '.layer_norm_$1.')
      .replace('.attn.q.', '.attention.self.query.')
      .replace('.attn.sr.', '.attention.self.sr.')
      .replace('.attn.norm.', '.attention.self.layer_norm.')
      .replace('.attn.proj.', '.attention.output.dense.')
      .replace(/\.mlp\.fc([12])\./, '.mlp.dense$1.')
    if (!named.includes('.attn.kv.')) theirs.set(prefix + named, value)
    else {
      const half = value.shape[0]! / 2
      theirs.set(prefix + named.replace('.attn.kv.', '.attention.self.key.'), rows(value, 0, half))
      theirs.set(prefix + named.replace('.attn.kv.', '.attention.self.value.'), rows(value, half, 2 * half))
    }
  }
  return theirs
}

/** As mit2mmseg.py writes them. */
function mmsegmentation(weights: Weights, prefix: string): Weights {
  const theirs: Weights = new Map()
  for (const [name, value] of weights) {
    const [, embed, embedRest] = /^patch_embed(\d)\.(.+)$/.exec(name) ?? []
    const [, norm, normRest] = /^norm(\d)\.(.+)$/.exec(name) ?? []
    const [, stage, rest] = /^block(\d)\.(.+)$/.exec(name) ?? []
    if (embed !== undefined)
      theirs.set(
        `${prefix}layers.${Number(embed) - 1}.0.${embedRest!.replace('proj.', 'projection.')}`,
        value,
      )
    else if (norm !== undefined) theirs.set(`${prefix}layers.${Number(norm) - 1}.2.${normRest}`, value)
    else if (!rest!.includes('attn.kv.')) {
      const layer = `${prefix}layers.${Number(stage) - 1}.1.${rest}`
      const to = layer
        .replace('attn.q.', 'attn.attn.in_proj_')
        .replace('attn.proj.', 'attn.attn.out_proj.')
        .replace('mlp.fc1.', 'ffn.layers.0.')
        .replace('mlp.dwconv.dwconv.', 'ffn.layers.1.')
        .replace('mlp.fc2.', 'ffn.layers.4.')
      const joined = rest!.includes('attn.q.')
        ? stacked(value, weights.get(name.replace('.q.', '.kv.'))!)
        : value
      const linear = /ffn\.layers\.[04]\.weight$/.test(to)
      theirs.set(to, linear ? { ...joined, shape: [...joined.shape, 1, 1] } : joined)
    }
  }
  return theirs
}

describe.each([
  ["Hugging Face's names", huggingFace, ['segformer.encoder.', 'encoder.', '']],
  ["MMSegmentation's names", mmsegmentation, ['', 'backbone.']],
] as const)('%s', (words, write, prefixes) => {
  test.each(prefixes)('below "%s" are the same network', prefix => {
    const weights = own()
    const network = new MixTransformer(SIZES)
    scope(() => {
      const theirs = write(weights, prefix)
      theirs.set('classifier.weight', fromFloat32(new Float32Array(3)))
      const { weights: back, folded } = adaptMit(network, theirs, { file: 'mit.bin' })
      expect(folded).toEqual([words])
      for (const [name, value] of weights)
        expect([name, back.get(name)]).toEqual([name, { ...value, data: expect.anything() }])
      for (const [name, { data }] of weights)
        expect(Buffer.compare((back.get(name) as TensorData).data, data), name).toBe(0)
      expect(network.loadStateDict(back, { strict: false }).missing).toEqual([])
    })
    network.dispose()
  })
})

test('other names stay', () => {
  const weights = own()
  expect(knownMitNames(weights)).toEqual({ weights, changed: [] })
})
