import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backward, fromData, manualSeed, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import { clipGradients, gradientClippingLoss, pixelCrossEntropy } from './gradient-clipping.ts'

const crops = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  rows: fc.integer({ min: 1, max: 4 }),
  columns: fc.integer({ min: 1, max: 4 }),
  patchSize: fc.integer({ min: 1, max: 5 }),
  startValue: fc.double({ min: 0.2, max: 2, noNaN: true }),
  seed: fc.nat(1000),
})

/** The rule in plain loops, in double precision. */
function clippedPlainly(
  losses: Float32Array,
  {
    batch,
    height,
    width,
    patchSize,
    startValue,
  }: Record<'batch' | 'height' | 'width' | 'patchSize' | 'startValue', number>,
): number[] {
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
  if (mean > startValue) return [...losses]
  const cell = (i: number): string => {
    const [y, x] = [Math.floor((i % (height * width)) / width), i % width]
    return `${Math.floor(y / patchSize)} ${Math.floor(x / patchSize)}`
  }
  const sums = new Map<string, number>()
  for (const [i, loss] of losses.entries()) sums.set(cell(i), (sums.get(cell(i)) ?? 0) + loss)
  const area = batch * patchSize * patchSize
  return Array.from(losses, (loss, i) => Math.min(loss, Math.max(mean, sums.get(cell(i))! / area)))
}

function randomLosses(shape: readonly number[], seed: number): Tensor {
  const length = shape.reduce((product, extent) => product * extent, 1)
  const values = Float32Array.from({ length }, (_, i) => 1 + Math.sin((i + 1) * (seed + 1)) ** 3)
  return tensor(values, shape)
}

test('losses above the mean of their square, or of all, are cut to it and have no gradient', () => {
  fc.assert(
    fc.property(crops, ({ batch, rows, columns, patchSize, startValue, seed }) =>
      scope(() => {
        const [height, width] = [rows * patchSize, columns * patchSize]
        const losses = randomLosses([batch, height, width], seed)
        const values = losses.toFloat32Array()
        losses.requiresGrad = true
        const clipped = clipGradients(losses, { startValue, patchSize })
        const want = clippedPlainly(values, { batch, height, width, patchSize, startValue })
        const got = clipped.toFloat32Array()
        for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 5)
        backward(clipped.sum())
        const gradient = losses.grad!.toFloat32Array()
        for (const [i, value] of want.entries())
          if (Math.abs(values[i]! - value) > 1e-5) expect(gradient[i]).toBe(0)
          else if (values[i]! < value - 1e-5) expect(gradient[i]).toBe(1)
      }),
    ),
    { numRuns: 60 },
  )
})

test('nothing is clipped while the mean is above the start value, and it is looked at in every step', () => {
  scope(() => {
    const losses = tensor([4, 0, 0, 0], [1, 2, 2])
    const at = (startValue: number): number[] => [
      ...clipGradients(losses, { startValue, patchSize: 2 }).toFloat32Array(),
    ]
    expect(at(0.99)).toEqual([4, 0, 0, 0])
    expect(at(1)).toEqual([1, 0, 0, 0])
  })
})

test('pixels without a label cost nothing and stay in the mean', () => {
  scope(() => {
    const logits = tensor([0, 0, 0, 0, 0, 0, 0, 0], [1, 2, 2, 2])
    const labels = fromData({ dtype: 'uint8', shape: [1, 2, 2], data: Uint8Array.of(0, 1, 255, 255) }).to({
      dtype: 'int64',
    })
    const pixels = [...pixelCrossEntropy(logits, labels).toFloat32Array()]
    expect(pixels.map(loss => loss.toFixed(4))).toEqual(['0.6931', '0.6931', '0.0000', '0.0000'])
    const { total, unclipped } = gradientClippingLoss(logits, labels, { startValue: 1.2, patchSize: 1 })
    expect(unclipped.item()).toBeCloseTo(Math.LN2 / 2, 6)
    expect(total.item()).toBeCloseTo(Math.LN2 / 2, 6) // each pixel is its own square
    const { total: cut } = gradientClippingLoss(logits, labels, { startValue: 1.2, patchSize: 2 })
    expect(cut.item()).toBeCloseTo(Math.LN2 / 4, 6)
  })
})

test('coarse logits are spread to the labels; the derivative by hand is that of autograd', () => {
  fc.assert(
    fc.property(crops, ({ batch, rows, columns, patchSize, startValue, seed }) =>
      scope(() => {
        manualSeed(seed)
        const size = [rows * patchSize, columns * patchSize]
        const logits = ops.randn([batch, 3, rows, columns]).mul(3)
        const picks = ops.floor(ops.rand([batch, ...size]).mul(4))
        const labels = ops.maskedFill(picks, ops.eqScalar(picks, 3), 255).to({ dtype: 'int64' })
        const gradient = (loss: (leaf: Tensor) => Tensor): Tensor => {
          const leaf = logits.clone()
          leaf.requiresGrad = true
          backward(loss(leaf).mul(2))
          return leaf.grad!
        }
        const options = { startValue, patchSize }
        let value: Tensor | undefined
        const lean = gradient(leaf => {
          value = gradientClippingLoss(leaf, labels, options).total
          return value
        })
        let wanted: Tensor | undefined
        const plain = gradient(leaf => {
          const full = ops.upsampleBilinear2d(leaf, size, false)
          wanted = clipGradients(pixelCrossEntropy(full, labels), options).mean()
          return wanted
        })
        expect(value!.item()).toBe(wanted!.item())
        const largest = ops.amax(ops.abs(plain)).item()
        expect(ops.amax(ops.abs(lean.sub(plain))).item()).toBeLessThanOrEqual(1e-5 * largest)
      }),
    ),
    { numRuns: 30 },
  )
})

test('a patch size that does not divide the crop is refused, with sides that do', () => {
  const attempt = (height: number, width: number, patchSize: number) => () =>
    scope(() => clipGradients(ops.zeros([1, height, width]), { startValue: 1, patchSize }))
  expect(attempt(480, 480, 128)).toThrow(
    'gradient clipping (patchSize): 128 does not divide a crop of 480 x 480; expected a side that divides both, such as 96, 120, 160',
  )
  expect(attempt(24, 32, 12)).toThrow(
    'gradient clipping (patchSize): 12 does not divide a crop of 24 x 32; expected a side that divides both, such as 2, 4, 8',
  )
  expect(attempt(24, 24, 48)).toThrow('48 does not divide a crop of 24 x 24')
  expect(attempt(24, 36, 12)).not.toThrow()
})
