import { describe, expect, test } from 'vitest'
import { fromFloat32, type TensorData, toFloat32Array } from '../../io/tensor-data.ts'
import { manualSeed, scope } from '../../torch/index.ts'
import { fromHuggingFace } from './hugging-face.ts'
import { adaptVisionTransformer } from './pretrained.ts'
import { VisionTransformer } from './vision-transformer.ts'

const SIZES = { embedDim: 8, depth: 2, heads: 2, patchSize: 4, mlpRatio: 4, dropPath: 0, imageSize: 16 }
type Weights = Map<string, TensorData>

function made(): { network: VisionTransformer; weights: Weights } {
  manualSeed(3)
  const network = new VisionTransformer(SIZES)
  return {
    network,
    weights: new Map([...network.stateDict()].map(([name, value]) => [name, value.toData()])),
  }
}

/** As transformers writes a ViT, its q, k and v apart. */
function huggingFace(weights: Weights, prefix: string, { dinov2 = false } = {}): Weights {
  const theirs: Weights = new Map()
  for (const [name, value] of weights) {
    const [, block, rest] = /^blocks\.(\d+)\.(.+)$/.exec(name) ?? []
    if (block === undefined) {
      theirs.set(
        prefix +
          name
            .replace('cls_token', 'embeddings.cls_token')
            .replace('pos_embed', 'embeddings.position_embeddings')
            .replace('patch_embed.proj.', 'embeddings.patch_embeddings.projection.')
            .replace(/^norm\./, 'layernorm.'),
        value,
      )
      continue
    }
    const layer = `${prefix}encoder.layer.${block}.`
    if (rest!.startsWith('attn.qkv.')) {
      const part = value.data.byteLength / 3
      for (const [i, which] of ['query', 'key', 'value'].entries())
        theirs.set(`${layer}attention.attention.${which}.${rest!.slice(9)}`, {
          ...value,
          shape: [value.shape[0]! / 3, ...value.shape.slice(1)],
          data: value.data.subarray(i * part, (i + 1) * part),
        })
      continue
    }
    const own = rest!.replace('attn.proj.', 'attention.output.dense.')
    theirs.set(
      layer +
        (dinov2
          ? own
          : own
              .replace('mlp.fc1.', 'intermediate.dense.')
              .replace('mlp.fc2.', 'output.dense.')
              .replace('norm1.', 'layernorm_before.')
              .replace('norm2.', 'layernorm_after.')),
      value,
    )
  }
  return theirs
}

const spare = fromFloat32(new Float32Array(8), [1, 1, 8])

describe("Hugging Face's names", () => {
  test.each(['vit.', 'deit.', '', 'module.vit.'])('%s is the same network', prefix => {
    const { network, weights } = made()
    const theirs = huggingFace(weights, prefix)
    theirs.set('classifier.weight', fromFloat32(new Float32Array(24), [3, 8]))
    theirs.set(`${prefix}pooler.dense.weight`, spare)
    scope(() => {
      const { weights: back, folded } = adaptVisionTransformer(network, theirs, { file: 'vit.bin' })
      expect(folded[0]).toBe("Hugging Face's names")
      for (const [name, value] of weights) {
        const found = back.get(name)!
        expect([name, [...found.shape]]).toEqual([name, [...value.shape]])
        const data = 'toData' in found ? found.toData() : found
        expect([...toFloat32Array(data)]).toEqual([...toFloat32Array(value)])
      }
      expect(back.has('head.weight')).toBe(true)
    })
    network.dispose()
  })

  test('a distilled DeiT has a second token, whose position is left out', () => {
    const { network, weights } = made()
    const theirs = huggingFace(weights, 'deit.')
    const positions = weights.get('pos_embed')!
    const values = toFloat32Array(positions)
    const longer = Float32Array.from([
      ...values.subarray(0, 8),
      ...new Float32Array(8).fill(9),
      ...values.subarray(8),
    ])
    theirs.set('deit.embeddings.position_embeddings', fromFloat32(longer, [1, 18, 8]))
    theirs.set('deit.embeddings.distillation_token', spare)
    theirs.set('distillation_classifier.weight', fromFloat32(new Float32Array(24), [3, 8]))
    scope(() => {
      const { weights: back } = adaptVisionTransformer(network, theirs, { file: 'deit.bin' })
      const found = back.get('pos_embed')!
      expect([...toFloat32Array('toData' in found ? found.toData() : found)]).toEqual([...values])
    })
    network.dispose()
  })

  test("DINOv2's LayerScale is folded in, its registers are refused", () => {
    const { network, weights } = made()
    const theirs = huggingFace(weights, 'dinov2.', { dinov2: true })
    for (const block of [0, 1])
      for (const half of [1, 2])
        theirs.set(
          `dinov2.encoder.layer.${block}.layer_scale${half}.lambda1`,
          fromFloat32(new Float32Array(8).fill(half)),
        )
    theirs.set('dinov2.embeddings.mask_token', spare)
    scope(() => {
      const { weights: back, folded } = adaptVisionTransformer(network, theirs, { file: 'dinov2.bin' })
      expect(folded).toContain('blocks.*.ls2.gamma (2) folded into mlp.fc2')
      const doubled = toFloat32Array(back.get('blocks.1.mlp.fc2.weight') as TensorData)
      expect([...doubled]).toEqual(
        [...toFloat32Array(weights.get('blocks.1.mlp.fc2.weight')!)].map(value => 2 * value),
      )
    })
    theirs.set('dinov2.embeddings.register_tokens', spare)
    expect(() => adaptVisionTransformer(network, theirs, { file: 'dinov2.bin' })).toThrow(
      'dinov2.bin (register_tokens): weights of a network that computes something else: register_tokens: register tokens take part in every attention',
    )
    network.dispose()
  })

  test('layers of another function are refused by name', () => {
    const { network, weights } = made()
    const theirs = huggingFace(weights, 'beit.')
    theirs.set(
      'beit.encoder.layer.0.attention.attention.relative_position_bias.relative_position_bias_table',
      spare,
    )
    expect(() => adaptVisionTransformer(network, theirs, { file: 'beit.bin' })).toThrow(
      'attention has a bias for each relative position',
    )
    network.dispose()
  })

  test('other names stay', () => {
    const weights = new Map([['bert.encoder.layer.0.attention.self.query.weight', spare]])
    expect(fromHuggingFace(weights)).toBe(weights)
  })
})
