/** @file Operators as a profile counts them: times, bytes, floating-point operations, forward and backward. */
import { expect, test } from 'vitest'
import { type OperatorProfile, startProfile, stopProfile } from '../io/profile.ts'
import { autocast, backward, holdCasts, noGrad, ops, scope, tensor } from './index.ts'

function profiled(body: () => void): OperatorProfile {
  startProfile()
  scope(body)
  return stopProfile().operators!
}

test('matrix products and convolutions are counted once, whoever calls them, in both directions', () => {
  const x = ops.randn([5, 7])
  const weight = ops.randn([3, 7])
  const images = ops.randn([2, 3, 9, 8])
  const kernel = ops.randn([4, 3, 3, 3])
  for (const leaf of [weight, kernel]) leaf.requiresGrad = true
  const { operators, left } = profiled(() => {
    const linear = ops.linear(x, weight, { bias: tensor([1, 2, 3]) })
    const maps = ops.conv2d(images, kernel, { padding: [1, 1] })
    backward(linear.sum().add(maps.sum()))
  })
  const flops = new Map(operators.map(one => [one.name, one.flops]))
  expect(flops.get('aten::addmm')).toBe(2 * 5 * 7 * 3)
  expect(flops.get('aten::linear')).toBe(0)
  const forward = operators.filter(
    ({ name, flops }) => /conv/.test(name) && flops > 0 && !/backward/.test(name),
  )
  expect(forward.map(({ flops }) => flops)).toEqual([2 * 2 * 4 * 9 * 8 * 27])
  expect(flops.get('aten::convolution_backward')).toBe(2 * 2 * 4 * 9 * 8 * 27) // of the kernel alone
  const total = operators.reduce((sum, one) => sum + one.flops, 0)
  expect(total).toBe(2 * (2 * 5 * 7 * 3) + 2 * (2 * 2 * 4 * 9 * 8 * 27))
  expect(operators.some(({ name }) => name === 'AddmmBackward0')).toBe(true)
  expect(left).toBe(0)
})

test('own times add up to the time of the outermost calls, and bytes are those of operands and result', () => {
  const a = ops.randn([64, 32])
  const { operators, events } = profiled(() => {
    for (let i = 0; i < 20; i++) ops.matmul(a, a.transpose(0, 1))
  })
  const product = operators.find(({ name }) => name === 'aten::mm')!
  expect(product.calls).toBe(20)
  expect(product.bytes).toBe(20 * 4 * (2 * 64 * 32 + 64 * 64))
  const outer = operators.find(({ name }) => name === 'aten::matmul')!
  expect(outer.total).toBeGreaterThanOrEqual(product.total)
  expect(outer.self).toBeLessThanOrEqual(outer.total - product.total)
  const calls = operators.reduce((sum, { calls }) => sum + calls, 0)
  expect(events.length).toBe(4 * calls)
  for (let i = 0; i < events.length; i += 4) {
    expect(events[i + 1]).toBeGreaterThanOrEqual(0)
    expect(operators[events[i + 2]!]).toBeDefined()
  }
})

test('under autocast, which calls an operator once more, work counts once', () => {
  const a = ops.randn([2, 8, 16])
  const { operators } = profiled(
    () => void autocast({ precision: 'bf16' }, () => ops.bmm(a, a.transpose(1, 2))),
  )
  expect(operators.find(({ name }) => name === 'aten::bmm')!.flops).toBe(2 * 2 * 8 * 16 * 8)
})

test('one profile at a time; nothing is recorded after it', () => {
  startProfile()
  expect(startProfile).toThrow(new TypeError('a profile is running'))
  stopProfile()
  scope(() => ops.zeros([3]))
  expect(stopProfile).toThrow(new TypeError('no profile is running'))
  startProfile()
  expect(stopProfile().operators!.operators).toEqual([])
})

test('converted weights are kept between autocasts while they are held, and not after', () => {
  const x = ops.randn([4, 8])
  const weight = ops.randn([3, 8])
  weight.requiresGrad = true
  const casts = (): number => {
    const { operators } = profiled(() =>
      noGrad(() => void autocast({ precision: 'bf16' }, () => ops.linear(x, weight))),
    )
    return operators.find(({ name }) => name === 'aten::_to_copy')!.calls
  }
  expect(casts()).toBe(2)
  const release = holdCasts()
  expect([casts(), casts()]).toEqual([2, 1])
  expect(ops.mm(x, x.transpose(0, 1)).dtype).toBe('float32')
  release()
  release()
  expect([casts(), casts()]).toEqual([2, 2])
})
