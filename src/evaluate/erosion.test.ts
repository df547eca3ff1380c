import fc from 'fast-check'
import { expect, test } from 'vitest'
import { erodeLabels } from './erosion.ts'

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
