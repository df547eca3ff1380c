import { describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { IGNORE } from '../io/label-values.ts'
import { backward, memory, ops, scope, type Tensor, tensor } from '../torch/index.ts'
import { bilateralFilter } from './bilateral-filter.ts'
import { type DenseEnergyOptions, denseEnergy } from './dense-energy.ts'

const [batch, classes, height, width] = [2, 3, 12, 16]

/** Dark on the left, bright on the right. */
const images = (): Tensor =>
  tensor(
    Float32Array.from({ length: batch * 3 * height * width }, (_, i) => (i % width < width / 2 ? -1.5 : 1.5)),
    [batch, 3, height, width],
  )
const labels = (label: number): Tensor => ops.full([batch, height, width], label, { dtype: 'uint8' })

/** Class 1 for the columns that `is` picks, else class 0. */
const logitsOf = (is: (x: number, y: number) => boolean): Tensor =>
  tensor(
    Float32Array.from({ length: batch * classes * height * width }, (_, i) => {
      const own = Math.floor(i / height / width) % classes
      return own === (is(i % width, Math.floor(i / width) % height) ? 1 : 0) ? 3 : 0
    }),
    [batch, classes, height, width],
  )

describe('dense energy', () => {
  const energyOf = (logits: Tensor, options: Partial<DenseEnergyOptions> = {}): number =>
    denseEnergy(logits, { images: images(), labels: labels(IGNORE), weight: 1, ...options }).item()

  test('is least where labels follow colours', () => {
    scope(() => {
      const along = energyOf(logitsOf(x => x < width / 2))
      expect(along).toBeLessThan(1.2 * energyOf(logitsOf((_, y) => y < height / 2)))
      expect(along).toBeLessThan(0)
    })
  })

  test.for(['exact', 'lattice'] as const)('of unknown pixels has the gradient of its value, %s', filter => {
    scope(() => {
      const logits = ops.rand([batch, classes, height, width])
      const options = { images: images(), labels: labels(IGNORE), weight: 1, srgb: 40, filter }
      logits.requiresGrad = true
      backward(denseEnergy(logits, options))
      const direction = logits.grad!.mul(0.5 / logits.grad!.abs().max().item()) // along it the slope is not near 0
      const slope = logits.grad!.mul(direction).sum().item()
      const at = (step: number): number =>
        denseEnergy(logits.detach().add(direction.mul(step)), options).item()
      const measured = (at(0.05) - at(-0.05)) / 0.1
      expect(slope / measured).toBeGreaterThan(0.97)
      expect(slope / measured).toBeLessThan(1.03)
    })
  })

  test('pixels that are known count by how unsure the network is of them, those outside a box not at all', () => {
    scope(() => {
      const logits = logitsOf(x => x < width / 2)
      expect(energyOf(logits, { labels: labels(0) })).toBeGreaterThan(0.3 * energyOf(logits))
      const boxes = Array.from({ length: batch }, () => ({ top: 0, bottom: 99, left: 0, right: 8 }))
      logits.requiresGrad = true
      backward(denseEnergy(logits, { images: images(), labels: labels(IGNORE), boxes, weight: 1 }))
      const gradient = logits.grad!.abs()
      expect(gradient.narrow(3, 8, 8).max().item()).toBe(0)
      expect(gradient.narrow(3, 0, 8).max().item()).toBeGreaterThan(0)
    })
  })

  test('of one pixel is a number, and nothing is left behind', () => {
    scope(() => {
      const one = {
        images: ops.zeros([1, 3, 1, 1]),
        labels: labels(IGNORE).narrow(0, 0, 1).narrow(1, 0, 1).narrow(2, 0, 1),
      }
      const logits = ops.zeros([1, 2, 1, 1])
      const live = memory().live
      const energy = denseEnergy(logits, { ...one, weight: 1 })
      expect(energy.item()).toBeLessThan(0)
      energy.dispose()
      expect(memory().live).toBe(live)
    })
  })
})

describe('the bilateral filter', () => {
  const image = { width: 40, height: 30, data: new Uint8Array(3600).map((_, i) => (i * 7919) % 60) }

  test('by the lattice is the exact sum times a gain', () => {
    scope(() => {
      const planes = ops.rand([5, 30, 40])
      const [lattice, exact] = (['lattice', 'exact'] as const).map(filter =>
        bilateralFilter(image, planes, { sxy: 10, srgb: 40, filter }).toFloat32Array(),
      ) as [Float32Array, Float32Array]
      const gains = lattice.map((value, i) => value / exact[i]!)
      expect(Math.min(...gains)).toBeGreaterThan(0.2)
      expect(Math.max(...gains)).toBeLessThan(1)
      const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length
      const spread = Math.sqrt(gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0) / gains.length)
      expect(spread / mean).toBeLessThan(0.2)
    })
  })

  test('takes each plane on its own, however many there are', () => {
    scope(() => {
      const planes = ops.rand([22, 30, 40])
      const options = { sxy: 10, srgb: 40 }
      const all = bilateralFilter(image, planes, options)
      for (const k of [0, 7, 21]) {
        const own = bilateralFilter(image, planes.narrow(0, k, 1), options)
        expect(all.narrow(0, k, 1).sub(own).abs().max().item()).toBeLessThan(1e-3)
      }
    })
  })

  test('refuses what the lattice has no room for', () => {
    scope(() => {
      const filter = (srgb: number): Tensor =>
        bilateralFilter(image, ops.rand([1, 30, 40]), { sxy: 10, srgb, name: 'a' })
      expect(() => filter(1e-9)).toThrow(InputError)
      expect(() => filter(0)).toThrow(
        'a (bilateral): deviations must be positive, and all numbers at most 1e6',
      )
    })
  })
})
