import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  backward,
  manualSeed,
  ops,
  scope,
  setThreads,
  type Tensor,
  tensor,
  threads,
} from '../../torch/index.ts'
import { type SegmentationLossOptions, segmentationLoss } from './loss.ts'

interface Made {
  readonly loss: number
  readonly gradient: Float32Array
}

/** In the number format of `logits`: float64 is computed by libtorch's operators and autograd. */
function lossOf(logits: Tensor, labels: Tensor, options: SegmentationLossOptions): Made {
  return scope(() => {
    const leaf = logits.clone()
    leaf.requiresGrad = true
    const loss = segmentationLoss(leaf, labels, options)
    backward(loss.mul(0.7))
    return { loss: loss.item(), gradient: leaf.grad!.to({ dtype: 'float32' }).toFloat32Array() }
  })
}

interface Sizes {
  readonly batch: number
  readonly classes: number
  readonly h: number
  readonly w: number
  readonly height: number
  readonly width: number
}

/** Labels 0 to C - 1, 255 and, with candidates, 254. */
function randomLabels({ batch, classes, height, width }: Sizes, unsure: boolean): Tensor {
  const picks = ops
    .rand([batch, height, width])
    .mul(classes + (unsure ? 3 : 1))
    .toFloat32Array()
  const labels = [...picks].map(pick =>
    pick < classes ? Math.floor(pick) : pick < classes + 2 && unsure ? 254 : 255,
  )
  return tensor(labels, [batch, height, width]).to({ dtype: 'int64' })
}

function expectOfFloat64(
  sizes: Sizes,
  { scale, unsure, weighted }: { scale: number; unsure: boolean; weighted: boolean },
) {
  scope(() => {
    const { batch, classes, h, w } = sizes
    const logits = ops.randn([batch, classes, h, w]).mul(scale)
    const labels = randomLabels(sizes, unsure)
    const candidates = unsure ? ops.rand([batch, classes]).gt(0.5).to({ dtype: 'float32' }) : undefined
    if (candidates !== undefined) ops.fill_(candidates.select(1, 0), 1) // the background is always one
    const weights = weighted ? ops.rand([classes]) : undefined
    const own = lossOf(logits, labels, { candidates, weights })
    const exact = lossOf(logits.to({ dtype: 'float64' }), labels, {
      candidates: candidates?.to({ dtype: 'float64' }),
      weights: weights?.to({ dtype: 'float64' }),
    })
    expect(Math.abs(own.loss - exact.loss)).toBeLessThanOrEqual(
      2e-6 * (1 + Math.abs(exact.loss)) * (1 + scale),
    )
    const most = exact.gradient.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-6)
    const error = exact.gradient.reduce(
      (worst, value, i) => Math.max(worst, Math.abs(own.gradient[i]! - value)),
      0,
    )
    expect(error).toBeLessThanOrEqual(1e-5 * (1 + scale) * most)
  })
}

test('is that of autograd in float64, with its gradient: any sizes, labels, candidates and weights', () => {
  const side = fc.integer({ min: 1, max: 40 })
  fc.assert(
    fc.property(
      fc.record({
        batch: fc.integer({ min: 1, max: 3 }),
        classes: fc.integer({ min: 1, max: 30 }),
        h: fc.integer({ min: 1, max: 12 }),
        w: fc.integer({ min: 1, max: 12 }),
        height: side,
        width: side,
      }),
      fc.record({ scale: fc.constantFrom(0.01, 1, 30), unsure: fc.boolean(), weighted: fc.boolean() }),
      fc.integer({ min: 0, max: 999 }),
      (sizes, kind, seed) => {
        manualSeed(seed)
        expectOfFloat64(sizes, kind)
      },
    ),
    { numRuns: 60 },
  )
})

test('of images that go one by one, because all rows at once would take much memory', () => {
  manualSeed(3)
  const sizes = { batch: 3, classes: 90, h: 50, w: 70, height: 300, width: 40 }
  expectOfFloat64(sizes, { scale: 1, unsure: true, weighted: false })
})

test('does not depend on threads', () => {
  const own = threads()
  try {
    scope(() => {
      manualSeed(4)
      const sizes = { batch: 2, classes: 21, h: 21, w: 21, height: 160, width: 160 }
      const logits = ops.randn([2, 21, 21, 21])
      const labels = randomLabels(sizes, false)
      setThreads(1)
      const one = lossOf(logits, labels, {})
      setThreads(2)
      expect(lossOf(logits, labels, {})).toEqual(one)
    })
  } finally {
    setThreads(own)
  }
})

test('takes logits of bfloat16, and those that lie by channels', () => {
  scope(() => {
    manualSeed(5)
    const sizes = { batch: 2, classes: 4, h: 5, w: 6, height: 20, width: 24 }
    const logits = ops.randn([2, 4, 5, 6]).to({ dtype: 'bfloat16' })
    const labels = randomLabels(sizes, false)
    const plain = lossOf(logits.to({ dtype: 'float32' }), labels, {})
    const half = lossOf(logits, labels, {})
    expect(half.loss).toBeCloseTo(plain.loss, 2)
    for (const [i, value] of plain.gradient.entries())
      expect(Math.abs(half.gradient[i]! - value)).toBeLessThan(1e-3)
    const byChannels = ops.permute(
      ops.permute(logits.to({ dtype: 'float32' }), [0, 2, 3, 1]).contiguous(),
      [0, 3, 1, 2],
    )
    expect(lossOf(byChannels, labels, {})).toEqual(plain)
  })
})

test('refuses labels that the network does not have', () => {
  scope(() => {
    const logits = ops.randn([1, 3, 2, 2])
    const labelled = (label: number) => tensor([0, 1, label, 2], [1, 2, 2]).to({ dtype: 'int64' })
    for (const label of [3, -1, 254, 256])
      expect(() => segmentationLoss(logits, labelled(label))).toThrow(`Target ${label} is out of bounds`)
    const open = ops.ones([1, 3])
    expect(() => segmentationLoss(logits, labelled(3), { candidates: open })).toThrow(
      'Target 3 is out of bounds',
    )
    expect(() => segmentationLoss(logits, labelled(0), { weights: ops.ones([2]) })).toThrow(
      'where float32 [3] is needed',
    )
  })
})

test('is exact where logits are large, and whatever is no candidate has no part in it', () => {
  scope(() => {
    const labels = tensor([0, 1, 2, 0], [1, 2, 2]).to({ dtype: 'int64' })
    for (const offset of [1e3, 1e5, 1e6]) {
      const logits = ops.rand([1, 3, 2, 2]).add(offset)
      const exact = lossOf(logits.to({ dtype: 'float64' }), labels, {})
      expect(Math.abs(lossOf(logits, labels, {}).loss - exact.loss)).toBeLessThan(1e-6)
    }
    const unsure = tensor([254], [1, 1, 1]).to({ dtype: 'int64' })
    const { gradient } = lossOf(tensor([0, 1e12, 1], [1, 3, 1, 1]), unsure, {
      candidates: tensor([1, 0, 1], [1, 3]),
    })
    expect(gradient[1]).toBeCloseTo(0.7)
    const none = lossOf(tensor([0, 1, 2], [1, 3, 1, 1]), unsure, { candidates: ops.zeros([1, 3]) })
    expect(none.loss).toBe(1e4) // as libtorch's operators have it, with no gradient
    for (const value of none.gradient) expect(value).toBeCloseTo(0, 6)
    expect(
      segmentationLoss(ops.zeros([0, 3, 1, 1]), ops.zeros([0, 2, 2]).to({ dtype: 'int64' })).item(),
    ).toBe(0)
  })
})

test('is NaN where a logit is', () => {
  scope(() => {
    const logits = ops.randn([1, 3, 2, 2])
    ops.fill_(logits.select(1, 1).select(1, 0).select(1, 0), Number.NaN)
    const { loss, gradient } = lossOf(logits, tensor([0, 1, 2, 2], [1, 2, 2]).to({ dtype: 'int64' }), {})
    expect(loss).toBeNaN()
    expect(gradient[0]).toBeNaN()
  })
})
