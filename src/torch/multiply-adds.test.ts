import { describe, expect, test } from 'vitest'
import { backward, countMultiplyAdds, noGrad, ops, scope, type Tensor } from './index.ts'

const counted = (body: () => unknown) =>
  scope(() => {
    const { total, byOperator } = countMultiplyAdds(body)
    return { total, operators: [...byOperator.keys()] }
  })

describe('multiply-adds', () => {
  test.each<[string, number, () => Tensor]>([
    [
      'linear',
      2 * 7 * 5 * 3,
      () => ops.linear(ops.rand([2, 7, 5]), ops.rand([3, 5]), { bias: ops.rand([3]) }),
    ],
    ['matmul', 4 * 2 * 5 * 3 * 6, () => ops.matmul(ops.rand([4, 2, 5, 3]), ops.rand([2, 3, 6]))],
    ['matmul', 5 * 3, () => ops.matmul(ops.rand([5, 3]), ops.rand([3]))],
    ['mm', 5 * 3 * 6, () => ops.mm(ops.rand([5, 3]), ops.rand([3, 6]))],
    ['mm', 5 * 3 * 6, () => ops.mmOut(ops.rand([5, 3]), ops.rand([3, 6]), ops.empty([5, 6]))],
    ['bmm', 4 * 5 * 3 * 6, () => ops.bmm(ops.rand([4, 5, 3]), ops.rand([4, 3, 6]))],
    ['addmm', 5 * 3 * 6, () => ops.addmm(ops.rand([6]), ops.rand([5, 3]), ops.rand([3, 6]))],
    [
      'baddbmm',
      4 * 5 * 3 * 6,
      () => ops.baddbmm(ops.rand([4, 5, 6]), ops.rand([4, 5, 3]), ops.rand([4, 3, 6])),
    ],
    ['outer', 5 * 3, () => ops.outer(ops.rand([5]), ops.rand([3]))],
    [
      'conv2d',
      2 * 8 * 5 * 4 * (6 * 9),
      () => ops.conv2d(ops.rand([2, 6, 10, 8]), ops.rand([8, 6, 3, 3]), { stride: [2, 2], padding: [1, 1] }),
    ],
    [
      'conv2d',
      6 * 10 * 8 * 9,
      () => ops.conv2d(ops.rand([1, 6, 10, 8]), ops.rand([6, 1, 3, 3]), { padding: [1, 1], groups: 6 }),
    ],
  ])('of %s are %i', (name, want, body) => {
    expect(counted(body)).toEqual({ total: want, operators: [`aten::${name}`] })
  })

  test('what works element by element counts as nothing', () => {
    expect(counted(() => ops.rand([9, 9]).mul(2).add(1).softmax(-1))).toEqual({ total: 0, operators: [] })
  })

  test('only what runs inside is counted, the inner of two counts its own, and the result is returned', () => {
    scope(() => {
      const [a, b] = [ops.rand([5, 3]), ops.rand([3, 6])]
      const outer = countMultiplyAdds(() => {
        ops.mm(a, b)
        return countMultiplyAdds(() => ops.mm(a, b)).total
      })
      ops.mm(a, b)
      expect(outer).toMatchObject({ result: 90, total: 90 })
      expect(() => countMultiplyAdds(() => ops.mm(a, a))).toThrow('aten::mm')
      expect(noGrad(() => countMultiplyAdds(() => ops.mm(a, b)).total)).toBe(90)
    })
  })

  test("autograd's own backward is not seen", () => {
    scope(() => {
      const a = ops.rand([5, 3])
      a.requiresGrad = true
      const loss = ops.mm(a, ops.rand([3, 6])).sum()
      expect(countMultiplyAdds(() => backward(loss)).total).toBe(0)
    })
  })

  test('with derivatives a recorded product counts again for each factor with a gradient, what is in a sum does not', () => {
    scope(() => {
      const learned = (...shape: number[]): Tensor => {
        const made = ops.rand(shape)
        made.requiresGrad = true
        return made
      }
      const [a, b, w] = [ops.rand([5, 3]), learned(3, 6), learned(5, 3)]
      const count = (body: () => unknown) => countMultiplyAdds(body, { derivatives: true }).total
      expect(count(() => ops.mm(a, ops.rand([3, 6])))).toBe(90)
      expect(count(() => ops.mm(a, b))).toBe(2 * 90)
      expect(count(() => ops.mm(w, b))).toBe(3 * 90)
      expect(count(() => noGrad(() => ops.mm(w, b)))).toBe(90)
      expect(count(() => ops.addmm(learned(6), a, b))).toBe(2 * 90)
      expect(count(() => ops.linear(a, learned(6, 3), { bias: learned(6) }))).toBe(2 * 90)
      expect(countMultiplyAdds(() => ops.mm(w, b)).total).toBe(90)
    })
  })
})
