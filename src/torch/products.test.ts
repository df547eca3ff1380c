/** @file Matrix products on several threads (native/torch/blas.cc) against float64. */
import { describe, expect, test } from 'vitest'
import { manualSeed, noGrad, ops, scope, setThreads, type Tensor, threads } from './index.ts'

const furthest = (a: Tensor, b: Tensor): number =>
  a.to({ dtype: 'float64' }).sub(b).abs().max().item() as number

/** [.., rows, columns] as it lies, transposed, or with gaps between rows and between columns. */
const LAYOUTS: readonly ((size: readonly number[]) => Tensor)[] = [
  size => ops.randn(size),
  size => ops.randn(size.with(-1, size.at(-2)!).with(-2, size.at(-1)!)).transpose(-2, -1),
  size => ops.randn(size.with(-1, size.at(-1)! + 3)).narrow(-1, 2, size.at(-1)!),
  size => ops.randn([...size, 2]).select(-1, 0),
]

/** Rows, columns and the length of the sums. */
const SIZES = [
  [1, 1, 1],
  [7, 5, 3],
  [97, 200, 64],
  [1, 3000, 200],
  [3000, 1, 200],
  [333, 49, 500],
  [50, 1001, 384],
] as const

const SMALL = [...SIZES.slice(0, 2), [130, 97, 64], [1, 300, 40], [300, 1, 40]] as const

function everyLayout(
  check: (layout: (typeof LAYOUTS)[number], other: (typeof LAYOUTS)[number]) => void,
): void {
  for (const layout of LAYOUTS) for (const other of LAYOUTS) scope(() => check(layout, other))
}

describe.each([1, 2, 5])('%i threads', count => {
  const withThreads = (body: () => void): void => {
    const before = threads()
    setThreads(count)
    try {
      manualSeed(0)
      noGrad(body)
    } finally {
      setThreads(before)
    }
  }

  test.each(SIZES)('[%i, n] x [n, %i], n = %i', (rows, columns, length) =>
    withThreads(() =>
      everyLayout((layout, other) => {
        const [a, b, c] = [layout([rows, length]), other([length, columns]), layout([rows, columns])]
        const wide = (x: Tensor): Tensor => x.to({ dtype: 'float64' })
        const wanted = wide(a).matmul(wide(b))
        const bound = 2e-6 * length ** 0.5 * 5
        expect(furthest(a.matmul(b), wanted)).toBeLessThan(bound)
        const added = ops.addmm(c, a, b, { beta: 0.5, alpha: 2 })
        expect(furthest(added, wanted.mul(2).add(wide(c).mul(0.5)))).toBeLessThan(2 * bound)
      }),
    ),
  )

  test.each([
    [256, 96, 288],
    [301, 50, 77],
    [700, 384, 1536],
    [3, 16, 32],
    [400, 96, 40],
    [300, 0, 7],
  ])('linear layers in bfloat16, [%i, %i] to %i columns', (rows, length, columns) =>
    withThreads(() =>
      scope(() => {
        const low = (x: Tensor): Tensor => x.to({ dtype: 'bfloat16' })
        const [x, weight] = [low(ops.randn([rows, length])), low(ops.randn([columns, length]))]
        const bias = low(ops.randn([columns]).mul(5))
        const [exactX, exactW, exactBias] = [x, weight, bias].map(one => one.to({ dtype: 'float64' }))
        const wanted = ops.linear(exactX!, exactW!, { bias: exactBias! })
        const bound = 2 ** -8 * (wanted.abs().max().item() as number) // of a number of 8 places
        for (const given of [x, ops.cat([x, x], { dim: 1 }).narrow(1, length, length)])
          expect(furthest(ops.linear(given, weight, { bias }), wanted)).toBeLessThan(bound)
        const halved = ops.addmm(bias, x, weight.transpose(0, 1), { beta: 0.5 })
        expect(furthest(halved, wanted.sub(exactBias!.mul(0.5)))).toBeLessThan(bound)
        const batch = ops.linear(x.unsqueeze(0), weight, { bias })
        expect(batch.shape).toEqual([1, rows, columns])
        expect(furthest(batch.select(0, 0), wanted)).toBeLessThan(bound)
      }),
    ),
  )

  test.each([2, 21])('%i matrices at once', batch =>
    withThreads(() => {
      for (const [rows, columns, length] of SMALL)
        everyLayout((layout, other) => {
          const [a, b] = [layout([batch, rows, length]), other([batch, length, columns])]
          const wanted = a.to({ dtype: 'float64' }).matmul(b.to({ dtype: 'float64' }))
          expect(furthest(ops.bmm(a, b), wanted)).toBeLessThan(1e-5 * length ** 0.5)
        })
    }),
  )

  test('one matrix for all of a batch, none, and sums of nothing', () =>
    withThreads(() =>
      scope(() => {
        const a = ops.randn([1, 20, 30]).expand(4, 20, 30)
        const b = ops.randn([4, 30, 10])
        const wanted = a.to({ dtype: 'float64' }).matmul(b.to({ dtype: 'float64' }))
        expect(furthest(ops.bmm(a, b), wanted)).toBeLessThan(1e-4)
        expect(ops.bmm(ops.zeros([0, 2, 3]), ops.zeros([0, 3, 4])).shape).toEqual([0, 2, 4])
        expect(
          ops
            .bmm(ops.zeros([2, 2, 0]), ops.zeros([2, 0, 4]))
            .abs()
            .max()
            .item(),
        ).toBe(0)
      }),
    ))
})

test('a product has the same bits each time', () =>
  noGrad(() =>
    scope(() => {
      const [a, b] = [ops.randn([500, 300]), ops.randn([300, 700])]
      const first = a.matmul(b)
      for (let i = 0; i < 20; i++) expect(furthest(a.matmul(b), first.to({ dtype: 'float64' }))).toBe(0)
    }),
  ))
