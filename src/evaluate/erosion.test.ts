import fc from 'fast-check'
import { expect, test } from 'vitest'
import { erodeBest, erodeLabels } from './erosion.ts'

test('eroded scores, cut at a threshold, are the eroded label map of that threshold', () => {
  const maps = fc.record({
    width: fc.integer({ min: 1, max: 8 }),
    height: fc.integer({ min: 1, max: 8 }),
    seed: fc.integer({ min: 0, max: 1000 }),
    threshold: fc.constantFrom(0, 0.25, 0.5),
    size: fc.constantFrom(3, 5),
  })
  fc.assert(
    fc.property(maps, ({ width, height, seed, threshold, size }) => {
      const random = (at: number): number => Math.abs(Math.sin(seed + at) * 1000) % 1
      const area = Array.from({ length: width * height }, (_, at) => at)
      const best = Float32Array.from(area, at => Math.ceil(4 * random(at)) / 4)
      const label = Uint8Array.from(area, at => 1 + Math.floor(1.2 * random(3 * at + 1)))
      const cut = (scores: Float32Array): Uint8Array =>
        label.map((own, at) => (scores[at]! > threshold ? own : 0))
      const eroded = erodeBest({ width, height, best, label }, { size })
      expect([...cut(eroded)]).toEqual([...erodeLabels({ width, height, data: cut(best) }, { size }).data])
    }),
  )
})

test('a pixel stays where the whole square around it, inside the image, is of its label', () => {
  const maps = fc
    .record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }) })
    .chain(size =>
      fc.record({
        width: fc.constant(size.width),
        height: fc.constant(size.height),
        data: fc.uint8Array({
          min: 0,
          max: 2,
          minLength: size.width * size.height,
          maxLength: size.width * size.height,
        }),
        edge: fc.constantFrom(1, 3, 5),
      }),
    )
  fc.assert(
    fc.property(maps, ({ width, height, data, edge }) => {
      const reach = (edge - 1) / 2
      const expected = Array.from(data, (label, at) => {
        const [x, y] = [at % width, Math.floor(at / width)]
        for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++)
          for (let u = Math.max(0, x - reach); u <= Math.min(width - 1, x + reach); u++)
            if (data[v * width + u] !== label) return 0
        return label
      })
      expect([...erodeLabels({ width, height, data }, { size: edge }).data]).toEqual(expected)
    }),
  )
})
