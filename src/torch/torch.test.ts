import { expect, test } from 'vitest'
import { TorchError } from '../errors.ts'
import {
  autocast,
  backward,
  differentiable,
  emptyCache,
  keep,
  manualSeed,
  memory,
  noGrad,
  ops,
  randomState,
  scope,
  setRandomState,
  type Tensor,
  tensor,
} from './index.ts'

test('values survive the way in and out, whatever their shape', () => {
  scope(() => {
    const x = tensor([1, 2, 3, 4, 5, 6], [2, 3])
    expect(x.shape).toEqual([2, 3])
    expect([...x.transpose(0, 1).toFloat32Array()]).toEqual([1, 4, 2, 5, 3, 6])
    expect(x.sum().item()).toBe(21)
    expect([...x.mean(0).toFloat32Array()]).toEqual([2.5, 3.5, 4.5])
  })
})

test('the usual methods compute elementwise, compare, and reduce along an axis', () => {
  scope(() => {
    const list = (x: Tensor): number[] => [...x.toFloat32Array()]
    const x = tensor([1, -2, 3, 0, 5, -6], [2, 3])
    expect(list(x.neg())).toEqual([-1, 2, -3, -0, -5, 6])
    expect(list(x.abs())).toEqual([1, 2, 3, 0, 5, 6])
    expect(list(x.abs().exp().log())).toEqual([1, 2, 3, 0, 5, 6].map(v => expect.closeTo(v, 5)))
    expect(list(x.clamp({ min: -1 }).clamp({ max: 3 }))).toEqual([1, -1, 3, 0, 3, -1])
    const other = tensor([1, 0, 4, 0, 4, -6], [2, 3])
    const by = { eq: '100101', ne: '011010', lt: '011000', le: '111101', gt: '000010', ge: '100111' } as const
    for (const [name, wanted] of Object.entries(by) as [keyof typeof by, string][]) {
      expect(x[name](other).dtype).toBe('bool')
      expect(list(x[name](other)).join(''), name).toBe(wanted)
    }
    const zero = {
      eq: '000100',
      ne: '111011',
      lt: '010001',
      le: '010101',
      gt: '101010',
      ge: '101110',
    } as const
    for (const [name, wanted] of Object.entries(zero) as [keyof typeof by, string][])
      expect(list(x[name](0)).join(''), name).toBe(wanted)
    expect([x.max().item(), x.min().item(), x.argmax().item()]).toEqual([5, -6, 4])
    const { values, indices } = x.max(1)
    expect([list(values), list(indices), indices.dtype]).toEqual([[3, 5], [2, 1], 'int64'])
    const least = x.min(0, { keepdim: true })
    expect([least.values.shape, list(least.values), list(least.indices)]).toEqual([
      [1, 3],
      [0, -2, -6],
      [1, 0, 1],
    ])
    expect([list(x.argmax(1)), x.argmax(-1, { keepdim: true }).shape]).toEqual([
      [2, 1],
      [2, 1],
    ])
  })
})

test('a wrong argument is a typed error that names the operator and the shapes', () => {
  scope(() => {
    const a = tensor([1, 2, 3, 4], [2, 2])
    const b = tensor([1, 2, 3])
    expect(() => ops.mm(a, b)).toThrow(TorchError)
    expect(() => ops.mm(a, b)).toThrow(/aten::mm: .*Tensor\(float32 \[2, 2\]\), Tensor\(float32 \[3\]\)/)
    expect(() => ops.mm(a, 3 as unknown as Tensor)).toThrow(
      /argument 'mat2' should be Tensor, got the number 3/,
    )
    expect(() => ops.permute(a, [0.5, 1])).toThrow(/argument 'dims' should be int\[\], got the number 0.5/)
    expect(() => tensor([1, 2, 3], [2, 2])).toThrow(/needs 16 bytes, got 12/)
    const gone = tensor([1])
    gone.dispose()
    expect(() => gone.add(1)).toThrow(/disposed/)
    gone.dispose()
  })
})

test('a scope frees all but what it returns', () => {
  const before = memory().live
  const kept = scope(() => {
    const x = tensor([1, 2])
    const y = x.add(1)
    return { inner: [y.mul(2)] }
  })
  expect(memory().live).toBe(before + 1)
  expect([...kept.inner[0]!.toFloat32Array()]).toEqual([4, 6])
  kept.inner[0]!.dispose()
  expect(() =>
    scope(() => {
      tensor([1])
      throw new Error('stop')
    }),
  ).toThrow('stop')
  expect(memory().live).toBe(before)
  const longLived = scope(() => scope(() => keep(tensor([3]))).add(0) && keep(tensor([4])))
  expect(longLived.isDisposed).toBe(false)
  longLived.dispose()
})

test('gradients flow, stop at noGrad, and accumulate', () => {
  scope(() => {
    const w = tensor([2, 3])
    w.requiresGrad = true
    backward(w.mul(w).sum())
    backward(w.sum())
    expect([...w.grad!.toFloat32Array()]).toEqual([5, 7])
    expect(noGrad(() => w.mul(2)).requiresGrad).toBe(false)
    w.grad = undefined
    expect(w.grad).toBeUndefined()
    expect(() => backward(w.mul(w))).toThrow(TorchError)
  })
})

test('a hand-written derivative takes part in autograd and frees what it saved', () => {
  const before = memory().live
  scope(() => {
    const x = tensor([1, -2, 3])
    const y = tensor([4, 5, 6])
    x.requiresGrad = true
    const product = (a: Tensor, b: Tensor): Tensor =>
      differentiable(
        'product',
        [a, b],
        () => ({ outputs: [a.mul(b)], saved: [a, b] }),
        ([gradient], [a, b]) => [gradient!.mul(b!), gradient!.mul(a!)],
      )[0]!
    const loss = product(product(x.mul(2), y), x).sum()
    backward(loss)
    expect([...x.grad!.toFloat32Array()]).toEqual([16, -40, 72])
    expect(() => backward(loss)).toThrow(/second time/)
    const failing = differentiable(
      'failing',
      [x],
      () => ({ outputs: [x.mul(1)], saved: [] }),
      () => {
        throw new RangeError('no derivative here')
      },
    )[0]!
    expect(() => backward(failing.sum())).toThrow(/failing: no derivative here/)
  })
  expect(memory().live).toBe(before)
})

test('the random state is seeded, saved and restored', () => {
  scope(() => {
    manualSeed(7)
    const first = ops.randn([5]).toFloat32Array()
    const state = randomState()
    const second = ops.randn([5]).toFloat32Array()
    setRandomState(state)
    expect(ops.randn([5]).toFloat32Array()).toEqual(second)
    manualSeed(7)
    expect(ops.randn([5]).toFloat32Array()).toEqual(first)
  })
})

test('autocast computes matrix products in bfloat16 and leaves no trace', () => {
  scope(() => {
    const a = ops.randn([8, 8])
    expect(autocast({ precision: 'bf16' }, () => ops.mm(a, a)).dtype).toBe('bfloat16')
    expect(autocast({ precision: 'fp32' }, () => ops.mm(a, a)).dtype).toBe('float32')
    expect(ops.mm(a, a).dtype).toBe('float32')
  })
})

test('freed memory is reused, and given back on demand', () => {
  emptyCache()
  for (let i = 0; i < 20; i++) scope(() => ops.zeros([1 << 20]).add(1))
  expect(memory().cached).toBeLessThan(3 * (4 << 20) * 1.2)
  emptyCache()
  expect(memory().cached).toBe(0)
})
