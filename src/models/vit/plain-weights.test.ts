import { describe, expect, test } from 'vitest'
import { InputError } from '../../errors.ts'
import { fromFloat32, type TensorData, toFloat32Array } from '../../io/tensor-data.ts'
import { fromData, manualSeed, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { VisionTransformer } from './index.ts'
import { adaptVisionTransformer } from './pretrained.ts'

const SMALL = { imageSize: 8, patchSize: 4, embedDim: 6, depth: 2, heads: 2, mlpRatio: 2, dropPath: 0 }
const FILE = 'relative.pth'

function ramp(...shape: number[]): TensorData {
  const length = shape.reduce((product, extent) => product * extent, 1)
  return fromFloat32(
    Float32Array.from({ length }, (_, i) => Math.sin(i + length)),
    shape,
  )
}

/** Weights of a DeiT-like network, every value its own. */
function deitWeights(): Map<string, TensorData> {
  const network = new VisionTransformer(SMALL)
  const weights = new Map([...network.stateDict()].map(([name, { shape }]) => [name, ramp(...shape)]))
  network.dispose()
  return weights
}

/** The loader's result, as plain values. */
function load(weights: ReadonlyMap<string, TensorData>): {
  values: Map<string, number[]>
  folded: readonly string[]
  unexpected: readonly string[]
} {
  return scope(() => {
    const network = new VisionTransformer(SMALL)
    const { weights: adapted, folded } = adaptVisionTransformer(network, weights, { file: FILE })
    const { unexpected, missing } = network.loadStateDict(adapted, { strict: false })
    expect(missing).toEqual([])
    const values = new Map(
      [...network.stateDict()].map(([name, value]) => [name, [...value.toFloat32Array()]]),
    )
    network.dispose()
    return { values, folded, unexpected }
  })
}

const floats = (data: TensorData): Float32Array => toFloat32Array(data)

/** Rows times factors, in float32. */
function scaled(data: TensorData, gamma: TensorData): number[] {
  const [values, factors] = [floats(data), floats(gamma)]
  const width = values.length / factors.length
  return [...values].map((value, i) => Math.fround(value * factors[Math.floor(i / width)]!))
}

describe('LayerScale', () => {
  test.for([
    ['DINOv2', 'ls1.gamma', 'ls2.gamma'],
    ['BEiT, CaiT', 'gamma_1', 'gamma_2'],
    ['others', 'layer_scale_1', 'layer_scale2.scale'],
  ] as const)('of %s goes into the layers before it', ([_, first, second]) => {
    const weights = deitWeights()
    const plain = new Map(weights)
    for (const block of [0, 1])
      weights.set(`blocks.${block}.${first}`, ramp(6)).set(`blocks.${block}.${second}`, ramp(6))
    const { values, folded, unexpected } = load(weights)
    expect(folded).toEqual([
      `blocks.*.${first} (2) folded into attn.proj`,
      `blocks.*.${second} (2) folded into mlp.fc2`,
    ])
    expect(unexpected).toEqual([])
    for (const [name, data] of plain) {
      const want = /\.(attn\.proj|mlp\.fc2)\./.test(name) ? scaled(data, ramp(6)) : [...floats(data)]
      expect(values.get(name), name).toEqual(want)
    }
  })

  test('leaves the function as it is', () => {
    scope(() => {
      manualSeed(1)
      const network = new VisionTransformer(SMALL)
      const [block] = network.blocks
      const [first, second] = [ops.randn([6]), ops.randn([6])]
      const x = ops.randn([2, 5, 6])
      const want = noGrad(() => {
        const attended = x.add(block!.attn.forward(block!.norm1.forward(x)).tokens.mul(first))
        return attended.add(block!.mlp.forward(block!.norm2.forward(attended)).mul(second))
      })
      const weights = new Map([...network.stateDict()].map(([name, value]) => [name, value.toData()]))
      for (const i of [0, 1])
        weights.set(`blocks.${i}.ls1.gamma`, first.toData()).set(`blocks.${i}.ls2.gamma`, second.toData())
      network.loadStateDict(adaptVisionTransformer(network, weights, { file: FILE }).weights)
      const got = noGrad(() => block!.forward(x).tokens)
      expect(
        ops
          .abs(got.sub(want))
          .toFloat32Array()
          .reduce((a, b) => Math.max(a, b)),
      ).toBeLessThan(1e-5)
      network.dispose()
    })
  })

  test('in half precision is multiplied in float32', () => {
    const weights = deitWeights()
    const half = (data: TensorData): TensorData =>
      scope(() => fromData(data).to({ dtype: 'float16' }).toData())
    const [matrix, gamma] = [half(weights.get('blocks.0.attn.proj.weight')!), half(ramp(6))]
    weights.set('blocks.0.attn.proj.weight', matrix).set('blocks.0.ls1.gamma', gamma)
    const full = (data: TensorData): TensorData =>
      scope(() => fromData(data).to({ dtype: 'float32' }).toData())
    expect(load(weights).values.get('blocks.0.attn.proj.weight')).toEqual(scaled(full(matrix), full(gamma)))
  })
})

describe('queries, keys and values', () => {
  test('biases of queries and values alone become one with zeros for the keys', () => {
    const weights = deitWeights()
    for (const block of [0, 1]) {
      weights.delete(`blocks.${block}.attn.qkv.bias`)
      weights.set(`blocks.${block}.attn.q_bias`, ramp(6)).set(`blocks.${block}.attn.v_bias`, ramp(6))
    }
    const { values, folded } = load(weights)
    expect(folded).toEqual(['blocks.*.attn.q_bias (2), blocks.*.attn.v_bias (2) joined to attn.qkv'])
    expect(values.get('blocks.1.attn.qkv.bias')).toEqual([
      ...floats(ramp(6)),
      ...Array(6).fill(0),
      ...floats(ramp(6)),
    ])
  })

  test.for(['q', 'q_proj', 'to_q'])('layers of their own are put together: %s', pattern => {
    const weights = deitWeights()
    const want = new Map(weights)
    for (const block of [0, 1]) {
      const attention = `blocks.${block}.attn`
      const split = (tensor: Tensor, i: number): TensorData =>
        tensor
          .narrow(0, 6 * i, 6)
          .contiguous()
          .toData()
      scope(() => {
        for (const [i, part] of ['q', 'k', 'v'].entries()) {
          const to = `${attention}.${pattern.replace('q', part)}`
          weights.set(`${to}.weight`, split(fromData(want.get(`${attention}.qkv.weight`)!), i))
          weights.set(`${to}.bias`, split(fromData(want.get(`${attention}.qkv.bias`)!), i))
        }
      })
      weights.delete(`${attention}.qkv.weight`)
      weights.delete(`${attention}.qkv.bias`)
    }
    const { values, unexpected } = load(weights)
    expect(unexpected).toEqual([])
    for (const [name, data] of want) expect(values.get(name), name).toEqual([...floats(data)])
  })

  test('a layer without a bias is one with zeros', () => {
    const weights = deitWeights()
    for (const block of [0, 1]) weights.delete(`blocks.${block}.attn.qkv.bias`)
    const { values, folded } = load(weights)
    expect(folded).toEqual(['blocks.*.attn.qkv.bias (2) zero, as the file has no such bias'])
    expect(values.get('blocks.0.attn.qkv.bias')).toEqual(Array(18).fill(0))
  })
})

describe('wrappers around the names', () => {
  const wrapped = (...prefixes: string[]): Map<string, TensorData> =>
    new Map(
      prefixes.flatMap(prefix => [...deitWeights()].map(([name, value]) => [prefix + name, value] as const)),
    )

  test.for([
    [['module.'], ['names without module.']],
    [['model.backbone.'], ['names without model.backbone.']],
    [['', 'model_ema.'], ['left out: model_ema.*']],
    [
      ['model.', 'model_ema.'],
      ['names without model.', 'left out: model_ema.*'],
    ],
    [
      ['student.backbone.', 'teacher.backbone.'],
      ['names without teacher.backbone.', 'left out: student.backbone.*'],
    ],
  ])('%o', ([prefixes, said]) => {
    const { values, folded, unexpected } = load(wrapped(...prefixes!))
    expect(folded).toEqual(said)
    expect(unexpected).toEqual([])
    expect(values.get('norm.weight')).toEqual([...floats(ramp(6))])
  })

  test('of several networks are not chosen from', () => {
    expect(() => load(wrapped('a.', 'b.'))).toThrow(InputError)
    expect(() => load(wrapped('a.', 'b.'))).toThrow(
      'relative.pth: holds several networks: a., b.; a file with one of them',
    )
  })
})

describe('networks that compute something else are refused', () => {
  const remedy = 'weights of a plain vision transformer such as DeiT, without these'

  test.for([
    ['register_tokens', 'register_tokens', 'register tokens take part in every attention'],
    ['reg_token', 'reg_token', 'register tokens take part in every attention'],
    ['blocks.0.attn.q_norm.weight', 'blocks.0.attn.q_norm.weight', 'queries and keys are normalised'],
    [
      'blocks.1.attn.relative_position_bias_table',
      'blocks.1.attn.relative_position_bias_table',
      'attention has a bias for each relative position',
    ],
    [
      'rel_pos_bias.relative_position_bias_table',
      'rel_pos_bias.relative_position_bias_table',
      'attention has a bias for each relative position',
    ],
    ['rope.freqs', 'rope.freqs', 'positions are rotary'],
    ['blocks.0.mlp.w12.weight', 'blocks.0.mlp.w12.weight', 'feed-forward layers are gated (SwiGLU)'],
    ['norm_pre.weight', 'norm_pre.weight', 'tokens are normalised before the blocks'],
    ['patch_embed.norm.weight', 'patch_embed.norm.weight', 'patches are embedded in another way'],
    [
      'blocks_token_only.0.norm1.weight',
      'blocks_token_only.0.norm1.weight',
      'class tokens have blocks of their own (CaiT)',
    ],
    [
      'blocks.0.adapter.down.weight',
      'blocks.0.adapter.down.weight',
      'blocks hold layers that are not known here',
    ],
  ] as const)('%s', ([name, kind, reason]) => {
    const weights = deitWeights().set(name, ramp(6))
    expect(() => load(weights)).toThrow(InputError)
    expect(() => load(weights)).toThrow(
      `relative.pth (${kind.replace(/ .*/, '')}): weights of a network that computes something else: ${kind}: ${reason}; ${remedy}`,
    )
  })

  test('several reasons are said together, and what would be no hindrance', () => {
    const weights = deitWeights()
      .set('register_tokens', ramp(1, 4, 6))
      .set('rope.freqs', ramp(2))
    for (const block of [0, 1]) weights.set(`blocks.${block}.ls1.gamma`, ramp(6))
    expect(() => load(weights)).toThrow(
      'register_tokens: register tokens take part in every attention; rope.freqs: positions are rotary; ' +
        `${remedy}; these could be folded in: blocks.*.ls1.gamma (2) folded into attn.proj`,
    )
  })

  test('and so is a file with gaps', () => {
    const weights = deitWeights()
    weights.delete('blocks.1.mlp.fc1.weight')
    weights.delete('blocks.0.norm1.weight')
    weights.delete('pos_embed')
    expect(() => load(weights)).toThrow(
      'relative.pth: lacks 3 weights of the vision transformer: blocks.0.norm1.weight, blocks.1.mlp.fc1.weight, pos_embed',
    )
  })

  test('all that does not fit is one message', () => {
    const weights = deitWeights()
      .set('blocks.1.mlp.fc1.bias', ramp(5))
      .set('foo.bar', ramp(3))
      .set('head.weight', ramp(3, 6))
    weights.delete('norm.weight')
    const others = '1 of another shape: blocks.1.mlp.fc1.bias [5] for [12]; 1 unknown: foo.bar'
    expect(() => load(weights)).toThrow(
      `relative.pth: lacks 1 weights of the vision transformer: norm.weight; ${others}; a complete file`,
    )
    weights.set('blocks.1.attn.surplus', ramp(2))
    expect(() => load(weights)).toThrow(
      `blocks hold layers that are not known here; it lacks 1: norm.weight; ${others}; weights of a plain`,
    )
  })

  test.for([
    ['v_bias', 'relative.pth (blocks.1.attn.v_bias): has blocks.1.attn.q_bias but no bias of v'],
    ['q_bias', 'relative.pth (blocks.1.attn.q_bias): has blocks.1.attn.v_bias but no bias of q'],
  ] as const)('one of two biases that belong together: %s', ([gone, message]) => {
    const weights = deitWeights()
    for (const block of [0, 1]) {
      weights.delete(`blocks.${block}.attn.qkv.bias`)
      weights.set(`blocks.${block}.attn.q_bias`, ramp(6)).set(`blocks.${block}.attn.v_bias`, ramp(6))
    }
    weights.delete(`blocks.1.attn.${gone}`)
    expect(() => load(weights)).toThrow(InputError)
    expect(() => load(weights)).toThrow(message)
  })
})
