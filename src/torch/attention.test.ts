/** @file The attention of native/torch against the same in libtorch's operators. */
import { describe, expect, test } from 'vitest'
import { TorchError } from '../errors.ts'
import { backward, type DType, manualSeed, noGrad, ops, scope, type Tensor, tensor } from './index.ts'

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

/** Queries, keys and values as they lie in qkv [B, N, 3 heads d]. */
function partsOf(qkv: Tensor): [Tensor, Tensor, Tensor] {
  const width = qkv.size(2) / 3
  return [qkv.narrow(2, 0, width), qkv.narrow(2, width, width), qkv.narrow(2, 2 * width, width)]
}

const attend = (qkv: Tensor, heads: number, meanRows: number): [Tensor, Tensor] =>
  ops.attention(...partsOf(qkv), heads, meanRows)

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
        const [tokens, mean] = attend(qkv, shape.heads, shape.meanRows)
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
        const [tokens, mean] = attend(qkv, shape.heads, shape.meanRows)
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
      const [tokens, mean] = attend(qkv, 3, 7)
      const alone = attend(qkv.narrow(0, 1, 1), 3, 7)
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
        expect(attend(qkv, 1, 0)[0].narrow(1, 0, 1).max().item()).toBeNaN()
      }
    }),
  ))

test('a NaN of any bits stays one, forward and backward', () =>
  noGrad(() =>
    scope(() => {
      for (const bits of [0x7fc00001, 0x7fc000ff, 0xffc00001, 0x7f800001]) {
        const odd = tensor(new Float32Array(new Uint32Array(64).fill(bits).buffer), [1, 4, 16])
        const parts = [odd, ops.randn([1, 4, 16]), ops.randn([1, 4, 16])] as const
        const [tokens, mean] = ops.attention(...parts, 1, 4)
        const made = parts.map(part => ops.empty([...part.shape])) as [Tensor, Tensor, Tensor]
        ops.attentionBackward(ops.randn([1, 4, 16]), undefined, ...parts, 1, ...made)
        for (const one of [tokens, mean, ...made])
          expect([...one.toFloat32Array()].every(Number.isNaN)).toBe(true)
      }
    }),
  ))

test.each(['float32', 'float64'] as const)('no images in %s', dtype =>
  noGrad(() =>
    scope(() => {
      const none = ops.zeros([0, 5, 4], { dtype })
      const [tokens, mean] = ops.attention(none, none, none, 1, 2)
      expect([tokens.shape, mean.shape]).toEqual([
        [0, 5, 4],
        [0, 2, 5],
      ])
    }),
  ),
)

test('what is written while another operator has saved it is an error in its backward', () => {
  scope(() => {
    const [x, saved, like] = [ops.randn([1, 4, 8]), ops.randn([1, 4, 8]), ops.randn([1, 4, 8])]
    x.requiresGrad = true
    const loss = x.mul(saved).sum()
    noGrad(() =>
      ops.attentionBackward(like, undefined, like, like, like, 1, saved, like.clone(), like.clone()),
    )
    expect(() => backward(loss)).toThrow(/modified by an inplace operation/)
  })
})

/** Fewer keys than queries, as in MiT, and more than the rows whose weights are kept at once. */
interface Unequal extends Shape {
  readonly keys: number
}

const UNEQUAL: readonly Unequal[] = [
  ...SHAPES.map(shape => ({ ...shape, keys: shape.tokens })),
  { images: 2, tokens: 300, keys: 49, heads: 2, d: 32, meanRows: 0 },
  { images: 1, tokens: 97, keys: 3, heads: 1, d: 64, meanRows: 97 },
  { images: 3, tokens: 5, keys: 200, heads: 2, d: 16, meanRows: 2 },
]

describe.each(UNEQUAL)('the derivative: $images x $tokens rows, $keys keys, $heads heads of $d', shape => {
  const { images, tokens: count, keys, heads, d, meanRows } = shape

  /** Gradients by the operator, and by autograd of plain operators in float64. */
  function gradients(dtype: DType): { got: readonly Tensor[]; wanted: readonly Tensor[] } {
    manualSeed(0)
    const draw = (...size: number[]): Tensor => ops.randn(size).to({ dtype })
    const q = draw(images, count, 2 * heads * d).narrow(2, heads * d, heads * d) // as parts lie in a projection
    const kv = draw(images, keys, 2 * heads * d)
    const parts = [q, kv.narrow(2, 0, heads * d), kv.narrow(2, heads * d, heads * d)] as const
    const dTokens = draw(images, count, heads * d)
    const dMean = ops.randn([images, meanRows, keys])
    const leaves = parts.map(part => part.to({ dtype: 'float64' }).clone())
    for (const leaf of leaves) leaf.requiresGrad = true
    const [a, b, c] = leaves.map(leaf => leaf.reshape(images, -1, heads, d).transpose(1, 2))
    const weights = a!
      .mul(d ** -0.5)
      .matmul(b!.transpose(-2, -1))
      .softmax(-1)
    const made = weights
      .matmul(c!)
      .transpose(1, 2)
      .reshape(images, count, heads * d)
    const mean = ops.meanDim(weights.narrow(2, 0, meanRows), [1])
    backward(
      made
        .mul(dTokens.to({ dtype: 'float64' }))
        .sum()
        .add(mean.mul(dMean).sum()),
    )
    const got = parts.map(part => ops.empty([...part.shape], { dtype }))
    noGrad(() => ops.attentionBackward(dTokens, dMean, ...parts, heads, got[0]!, got[1]!, got[2]!))
    return { got, wanted: leaves.map(leaf => leaf.grad!) }
  }

  test.each([
    ['float32', 1e-6],
    ['float64', 1e-13],
    ['bfloat16', d % 2 === 1 ? 0.1 : 0.012], // weights and results are rounded to 8 bits; in plain operators every step
  ] as const)('%s', (dtype, bound) =>
    scope(() => {
      const { got, wanted } = gradients(dtype)
      const largest = Math.max(...wanted.map(one => one.abs().max().item() as number))
      for (const [i, one] of got.entries()) {
        expect(one.dtype).toBe(dtype)
        expect(furthest(one, wanted[i]!) / largest).toBeLessThan(bound)
      }
    }),
  )
})

test('without a gradient of the mean, its rows change nothing', () => {
  scope(() => {
    manualSeed(0)
    const parts = [0, 1, 2].map(() => ops.randn([2, 40, 32])) as [Tensor, Tensor, Tensor]
    const dTokens = ops.randn([2, 40, 32])
    const of = (dMean: Tensor | undefined): readonly Tensor[] => {
      const made = parts.map(part => ops.empty([...part.shape])) as [Tensor, Tensor, Tensor]
      noGrad(() => ops.attentionBackward(dTokens, dMean, ...parts, 2, ...made))
      return made
    }
    const zero = of(ops.zeros([2, 7, 40]))
    for (const [i, one] of of(undefined).entries()) expect(furthest(one, zero[i]!)).toBe(0)
  })
})

test('shapes that do not fit are errors', () => {
  const refused = (shape: number[], heads: number, rows: number): void =>
    expect(() => scope(() => void attend(ops.zeros(shape), heads, rows))).toThrow(TorchError)
  const unlike = (q: number[], k: number[], dq = q): void =>
    scope(() => {
      const [a, b, made] = [q, k, dq].map(size => ops.zeros(size))
      expect(() =>
        ops.attentionBackward(a!, undefined, a!, b!, b!, 1, made!, b!.clone(), b!.clone()),
      ).toThrow(TorchError)
    })
  unlike([1, 4, 32], [2, 4, 32])
  unlike([1, 4, 32], [1, 4, 16])
  unlike([1, 4, 32], [1, 6, 32], [1, 4, 16])
  unlike([4, 32], [4, 32])
  refused([1, 4, 96], 5, 0)
  refused([1, 4, 96], 0, 0)
  refused([1, 4, 96], 1, 5)
  refused([1, 4, 96], 1, -1)
  refused([1, 0, 96], 1, 0)
})
