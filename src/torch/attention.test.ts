/** @file The attention of native/torch against the same in libtorch's operators. */
import { describe, expect, test } from 'vitest'
import { TorchError } from '../errors.ts'
import { manualSeed, noGrad, ops, scope, type Tensor, tensor } from './index.ts'

interface Shape {
  readonly images: number
  readonly tokens: number
  readonly heads: number
  readonly d: number
  readonly meanRows: number
}

/** qkv [B, N, 3 heads d] -> tokens [B, N, heads d], mean [B, meanRows, N], in float64. */
function expected(qkv: Tensor, { images, tokens: count, heads, d, meanRows }: Shape): [Tensor, Tensor] {
  const parts = qkv.to({ dtype: 'float64' }).reshape(images, count, 3, heads, d).permute(2, 0, 3, 1, 4)
  const scores = parts
    .select(0, 0)
    .mul(d ** -0.5)
    .matmul(parts.select(0, 1).transpose(-2, -1))
  const weights = scores.softmax(-1)
  const tokens = weights.matmul(parts.select(0, 2)).transpose(1, 2)
  return [tokens.reshape(images, count, heads * d), ops.meanDim(weights.narrow(2, 0, meanRows), [1])]
}

const random = ({ images, tokens, heads, d }: Shape): Tensor =>
  ops.randn([images, tokens, 3 * heads * d]).mul(2)

const furthest = (a: Tensor, b: Tensor): number =>
  a.elements === 0
    ? 0
    : (a
        .to({ dtype: 'float64' })
        .sub(b.to({ dtype: 'float64' }))
        .abs()
        .max()
        .item() as number)

const SHAPES: readonly Shape[] = [
  { images: 2, tokens: 217, heads: 6, d: 64, meanRows: 217 }, // DeiT-S at 224 pixels
  { images: 3, tokens: 151, heads: 3, d: 32, meanRows: 7 },
  { images: 1, tokens: 1, heads: 1, d: 32, meanRows: 1 },
  { images: 2, tokens: 32, heads: 2, d: 32, meanRows: 0 }, // one whole panel
  { images: 1, tokens: 97, heads: 1, d: 96, meanRows: 50 }, // more than two blocks of rows, an odd number of keys
  { images: 2, tokens: 33, heads: 2, d: 50, meanRows: 33 }, // no multiple of a panel
  { images: 1, tokens: 12, heads: 1, d: 9, meanRows: 5 }, // no pairs
]

describe.each(SHAPES)('$images x $tokens tokens, $heads heads of $d, mean of $meanRows rows', shape => {
  test.each([
    ['float32', 2e-5],
    ['float64', 1e-12],
  ] as const)('%s', (dtype, bound) =>
    noGrad(() =>
      scope(() => {
        manualSeed(0)
        const qkv = random(shape).to({ dtype })
        const [tokens, mean] = ops.attention(qkv, shape.heads, shape.meanRows)
        const [wantedTokens, wantedMean] = expected(qkv, shape)
        expect(tokens.dtype).toBe(dtype)
        expect(mean.dtype).toBe('float32')
        expect(mean.shape).toEqual([shape.images, shape.meanRows, shape.tokens])
        expect(furthest(tokens, wantedTokens)).toBeLessThan(bound)
        expect(furthest(mean, wantedMean)).toBeLessThan(2e-6)
      }),
    ),
  )

  test('bfloat16: as far off as its rounding', () =>
    noGrad(() =>
      scope(() => {
        manualSeed(0)
        const qkv = random(shape).to({ dtype: 'bfloat16' })
        const [tokens, mean] = ops.attention(qkv, shape.heads, shape.meanRows)
        const [wantedTokens, wantedMean] = expected(qkv, shape)
        expect(tokens.dtype).toBe('bfloat16')
        const isPlain = shape.d % 2 === 1 // scores and sums are rounded, too
        const largest = wantedTokens.abs().max().item() as number
        // weights and result are each rounded to 8 bits
        expect(furthest(tokens, wantedTokens)).toBeLessThan(largest * (isPlain ? 0.05 : 2 ** -7))
        expect(furthest(mean, wantedMean)).toBeLessThan(isPlain ? 0.02 : 2e-6)
      }),
    ))
})

test('an image alone has the bits that it has among others', () =>
  noGrad(() =>
    scope(() => {
      manualSeed(0)
      const qkv = random(SHAPES[1]!)
      const [tokens, mean] = ops.attention(qkv, 3, 7)
      const alone = ops.attention(qkv.narrow(0, 1, 1), 3, 7)
      expect(furthest(alone[0], tokens.narrow(0, 1, 1))).toBe(0)
      expect(furthest(alone[1], mean.narrow(0, 1, 1))).toBe(0)
    }),
  ))

test('NaN and infinite scores are seen in the result', () =>
  noGrad(() =>
    scope(() => {
      for (const odd of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const values = new Float32Array(40 * 96).fill(1)
        values.fill(odd, 3 * 96, 4 * 96)
        const qkv = tensor(values, [1, 40, 96])
        expect(ops.attention(qkv, 1, 0)[0].narrow(1, 0, 1).max().item()).toBeNaN()
      }
    }),
  ))

test('shapes that do not fit are errors', () => {
  const refused = (shape: number[], heads: number, rows: number): void =>
    expect(() => scope(() => void ops.attention(ops.zeros(shape), heads, rows))).toThrow(TorchError)
  refused([2, 96], 1, 0)
  refused([1, 4, 96], 5, 0)
  refused([1, 4, 96], 0, 0)
  refused([1, 4, 96], 1, 5)
  refused([1, 4, 96], 1, -1)
  refused([1, 0, 96], 1, 0)
})
