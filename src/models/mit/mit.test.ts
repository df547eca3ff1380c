import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { relative, sameDerivatives } from '../../../test/derivatives.ts'
import { type Conv2d, LayerNorm } from '../../nn/index.ts'
import { backward, manualSeed, memory, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { EfficientAttention } from './attention.ts'
import { adaptMit, asMap, attentionLogits, type MitOptions, MixTransformer, mit } from './index.ts'
import { MixFfn } from './mix-ffn.ts'

const TINY: MitOptions = {
  embedDims: [4, 6, 8, 12],
  depths: [1, 1, 2, 2],
  heads: [1, 2, 2, 3],
  mlpRatios: [2, 2, 2, 2],
  srRatios: [4, 2, 2, 1],
  strides: [4, 2, 2, 1],
  dropPath: 0.2,
}

function randomise(parameters: ReadonlyMap<string, Tensor>): void {
  for (const parameter of parameters.values()) noGrad(() => ops.normal_(parameter, { std: 0.3 }))
}

const maps = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  rows: fc.integer({ min: 1, max: 6 }),
  columns: fc.integer({ min: 1, max: 6 }),
  heads: fc.integer({ min: 1, max: 3 }),
  srRatio: fc.integer({ min: 1, max: 3 }),
})

describe('derivatives by hand are those of autograd:', () => {
  test('attention with fewer keys than queries', () => {
    fc.assert(
      fc.property(maps, ({ batch, rows, columns, heads, srRatio }) =>
        scope(() => {
          manualSeed(rows + columns)
          const embedDim = 4 * heads
          const attention = new EfficientAttention({ embedDim, heads, srRatio })
          randomise(attention.parameters())
          const x = ops.randn([batch, rows * columns, embedDim])
          const grid = { rows, columns }
          const { q, kv, proj, sr, norm } = attention
          const split = (tokens: Tensor): Tensor => tokens.reshape(batch, -1, heads, 4).transpose(1, 2) // [B, h, n, 4]
          const plain = (input: Tensor): Tensor => {
            const map = input.transpose(1, 2).reshape(batch, embedDim, rows, columns)
            const room = [Math.max(0, srRatio - columns), Math.max(0, srRatio - rows)] as const
            const filled = ops.constantPadNd(map, [0, room[0], 0, room[1]])
            const smaller = sr && ops.flatten(sr.forward(filled), { startDim: 2 }).transpose(1, 2)
            const reduced = smaller && norm!.forward(smaller.to({ dtype: 'float32' }))
            const both = kv.forward(reduced ?? input)
            const [keys, values] = [0, 1].map(i => split(both.narrow(2, i * embedDim, embedDim)))
            const scores = split(q.forward(input)).matmul(keys!.transpose(2, 3)).div(2)
            const joined = scores.softmax(-1).matmul(values!).transpose(1, 2)
            return proj.forward(joined.reshape(batch, -1, embedDim))
          }
          const lean = (input: Tensor): Tensor => attention.forward(input, grid).tokens
          sameDerivatives({ lean, plain }, attention.parameters(), x)
          noGrad(() => expect(relative(lean(x), plain(x))).toBeLessThan(1e-5))
          attention.dispose()
        }),
      ),
      { numRuns: 25 },
    )
  })

  test('feed-forward layers with their convolution', () => {
    fc.assert(
      fc.property(maps, ({ batch, rows, columns, heads: mlpRatio }) =>
        scope(() => {
          manualSeed(rows + columns)
          const ffn = new MixFfn({ embedDim: 16, mlpRatio })
          const norm = new LayerNorm({ features: 16 })
          const parameters = new Map([...ffn.parameters(), ...norm.parameters()])
          randomise(parameters)
          const x = ops.randn([batch, rows * columns, 16])
          const plain = (input: Tensor): Tensor => {
            const hidden = ffn.fc1.forward(norm.forward(input))
            const map = hidden.transpose(1, 2).reshape(batch, -1, rows, columns).contiguous()
            const spread = ffn.dwconv.dwconv.forward(map)
            return ffn.fc2.forward(ops.gelu(ops.flatten(spread, { startDim: 2 }).transpose(1, 2)))
          }
          const lean = (input: Tensor): Tensor => ffn.forward(input, { rows, columns }, { norm })
          sameDerivatives({ lean, plain }, parameters, x)
          noGrad(() => expect(relative(lean(x), plain(x))).toBeLessThan(1e-5))
          for (const layer of [ffn, norm]) layer.dispose()
        }),
      ),
      { numRuns: 25 },
    )
  })
})

test('the factors of the blocks asked for make their logits, and asking changes nothing', () => {
  scope(() => {
    manualSeed(1)
    const network = new MixTransformer(TINY).eval()
    randomise(network.parameters())
    const images = ops.randn([2, 3, 32, 48])
    const plain = network.forward(images)
    expect(plain.factors).toEqual([])
    expect(plain.maps.map(({ shape }) => shape)).toEqual([
      [2, 4, 8, 12],
      [2, 6, 4, 6],
      [2, 8, 2, 3],
      [2, 12, 2, 3],
    ])
    const { maps, factors } = network.forward(images, { factorsOf: [0, 4, 5] })
    expect(factors.map(factor => attentionLogits(factor).shape)).toEqual([
      [2, 1, 96, 6],
      [2, 3, 6, 6],
      [2, 3, 6, 6],
    ])
    for (const [i, map] of maps.entries()) expect(relative(map, plain.maps[i]!)).toBeLessThan(1e-6)
    // the queries of a single head are handed out as they were, though attention scales its own in place
    const first = network.block1[0]!
    const tokens = ops.randn([2, 96, 4])
    const { factors: own } = first.attn.forward(tokens, { rows: 8, columns: 12 }, { withFactors: true })
    expect(relative(own!.queries, first.attn.q.forward(tokens))).toBe(0)
    backward(attentionLogits(factors[2]!).sum())
    expect(network.block4[1]!.attn.q.weight.grad).toBeDefined()
    network.dispose()
  })
})

test('maps of every size of image, down to one pixel', () => {
  scope(() => {
    const network = new MixTransformer(TINY).eval()
    for (const [height, width] of [
      [1, 1],
      [1, 40],
      [17, 5],
    ] as const)
      noGrad(() => {
        const { maps } = network.forward(ops.randn([1, 3, height, width]))
        const sides = (side: number): number[] => [4, 8, 16, 16].map(stride => Math.ceil(side / stride))
        expect(maps.map(map => map.size(2))).toEqual(sides(height))
        expect(maps.map(map => map.size(3))).toEqual(sides(width))
        for (const map of maps) expect(ops.all(ops.isfinite(map)).item()).toBe(1)
      })
    network.dispose()
  })
})

test('stochastic depth grows linearly over all stages', () => {
  const network = new MixTransformer(TINY)
  const rates = [network.block1, network.block2, network.block3, network.block4].flatMap(blocks =>
    blocks.map(({ residual }) => residual.rate),
  )
  for (const [i, rate] of rates.entries()) expect(rate).toBeCloseTo((0.2 * i) / 5, 12)
  network.dispose()
})

test('weights are drawn as the original draws them', () => {
  const network = new MixTransformer(mit['mit-b0'])
  const deviation = ({ weight }: { readonly weight: Tensor }): number =>
    Math.sqrt(weight.mul(weight).mean().item() - weight.mean().item() ** 2)
  scope(() => {
    const { dwconv } = network.block2[0]!.mlp
    expect(deviation(network.patchEmbed1.proj)).toBeCloseTo(Math.sqrt(2 / (49 * 32)), 2)
    expect(deviation(dwconv.dwconv)).toBeCloseTo(Math.sqrt(2 / 9), 1)
    expect(deviation(network.block2[0]!.attn.sr as Conv2d)).toBeCloseTo(Math.sqrt(2 / (16 * 64)), 2)
    expect(deviation(network.block4[1]!.attn.kv)).toBeCloseTo(0.02, 3)
    for (const [name, parameter] of network.parameters())
      if (name.endsWith('.bias')) expect(parameter.abs().max().item(), name).toBe(0)
  })
  network.dispose()
})

test('the published sizes', () => {
  const millions = (['mit-b0', 'mit-b1'] as const).map(name => {
    const network = new MixTransformer(mit[name])
    const count = [...network.parameters().values()].reduce((sum, { elements }) => sum + elements, 0)
    network.dispose()
    return (count / 1e6).toFixed(1)
  })
  expect(millions).toEqual(['3.3', '13.2']) // SegFormer's table 6 rounds 3.4 and 13.1
  const depths = Object.values(mit).map(({ depths }) => depths.join('-'))
  expect(depths).toEqual(['2-2-2-2', '2-2-2-2', '3-4-6-3', '3-4-18-3', '3-8-27-3', '3-6-40-3'])
})

describe('pretrained weights', () => {
  const network = new MixTransformer(TINY)
  const data = (prefix: string) =>
    new Map([...network.stateDict()].map(([name, value]) => [prefix + name, value.toData()]))
  const file = 'mit_b1.pth'

  test.each(['', 'module.', 'backbone.', 'state_dict.encoder.'])('load behind "%s"', prefix => {
    const { weights, folded } = adaptMit(network, data(prefix), { file })
    expect([...network.stateDict().keys()].every(name => weights.has(name))).toBe(true)
    expect(folded).toEqual(prefix === '' ? [] : [`names without ${prefix}`])
  })

  test('of another network, another size, or incomplete are refused', () => {
    const few = new Map([['blocks.0.attn.qkv.weight', data('').get('norm1.weight')!]])
    const withGap = data('')
    withGap.delete('block2.0.attn.sr.bias')
    const other = new MixTransformer({ ...TINY, depths: [1, 1, 2, 3] })
    const refused = (use: () => unknown): string => {
      try {
        use()
      } catch (error) {
        return (error as Error).message
      }
      return 'accepted'
    }
    expect(refused(() => adaptMit(network, few, { file }))).toBe(
      "mit_b1.pth (patch_embed1.proj.weight): these are not the weights of a mix transformer; SegFormer's ImageNet weights, such as mit_b1.pth",
    )
    expect(refused(() => adaptMit(other, data(''), { file }))).toBe(
      'mit_b1.pth: weights of another architecture: 1, 1, 2, 2 blocks of width 4, 6, 8, 12; the encoder is 1, 1, 2, 3 blocks of width 4, 6, 8, 12',
    )
    expect(refused(() => adaptMit(network, withGap, { file }))).toBe(
      'mit_b1.pth: lacks 1 weights of the encoder: block2.0.attn.sr.bias; a complete file; what it lacks would be drawn at random',
    )
    other.dispose()
  })
})

test('a step and a forward leave no tensors behind', () => {
  const network = new MixTransformer(TINY)
  const images = ops.randn([2, 3, 32, 32])
  const step = (): void =>
    scope(() => {
      const { maps, factors } = network.forward(images, { factorsOf: [5] })
      backward(maps[3].sum().add(attentionLogits(factors[0]!).sum()).add(maps[0].sum()))
      for (const parameter of network.parameters().values()) parameter.grad = undefined
    })
  const look = (): void => noGrad(() => scope(() => void network.forward(images)))
  const run = (): { live: number; used: number } => {
    for (let i = 0; i < 3; i++) {
      step()
      look()
    }
    const { live, used } = memory()
    return { live, used }
  }
  expect(run()).toEqual(run())
  network.dispose()
})

test('a map of tokens is the same memory', () => {
  scope(() => {
    const tokens = ops.randn([2, 6, 4])
    const map = asMap(tokens, { rows: 2, columns: 3 })
    expect(map.shape).toEqual([2, 4, 2, 3])
    noGrad(() => ops.zero_(map))
    expect(tokens.abs().max().item()).toBe(0)
  })
})
