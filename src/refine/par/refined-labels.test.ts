import { describe, expect, test } from 'vitest'
import { IGNORE } from '../../io/label-values.ts'
import { memory, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import {
  type PixelBox,
  refinedAffinityLabels,
  refinedClassMaps,
  refinedPseudoLabels,
} from './refined-labels.ts'

const [height, width] = [24, 32]
const all: PixelBox = [0, height, 0, width]

/** [1, count, height, width] of a value for each plane and column. */
function planes(count: number, value: (plane: number, x: number) => number): Tensor {
  const pixels = height * width
  const values = Float32Array.from({ length: count * pixels }, (_, i) =>
    value(Math.floor(i / pixels), i % width),
  )
  return tensor(values, [1, count, height, width])
}

/** Dark on the left of column 16, bright on the right. */
const images = (): Tensor => planes(3, (_, x) => (x < 16 ? 0.1 : 0.9))
/** Class 0 strong on the far left, class 1 in the middle of the left half, class 2 everywhere. */
const cams = (): Tensor => planes(3, (k, x) => [x < 8 ? 1 : 0, x >= 8 && x < 16 ? 0.45 : 0, 1][k]!)

const rows = (labels: Tensor): number[][] => {
  const values = [...labels.toFloat32Array()]
  return Array.from({ length: values.length / width }, (_, y) => values.slice(y * width, (y + 1) * width))
}

describe('refined pseudo labels', () => {
  test('have only the tags of the image, and are open between the two backgrounds', () => {
    scope(() => {
      const tags = tensor([1, 1, 0], [1, 3])
      const labels = refinedPseudoLabels({
        images: images(),
        cams: cams(),
        tags,
        boxes: [all],
        iterations: 1,
      })
      expect([labels.dtype, labels.shape]).toEqual(['int64', [1, height, width]])
      const row = rows(labels)[12]!
      expect([row[2], row[29]]).toEqual([1, 0])
      expect(new Set(row)).toEqual(new Set([0, 1, IGNORE])) // class 1 beats the low background alone
    })
  })

  test('end at the box, which may reach beyond the crop', () => {
    scope(() => {
      const tags = tensor([1, 0, 0, 1, 0, 0], [2, 3])
      const twice = (one: Tensor): Tensor => ops.cat([one, one], { dim: 0 })
      const boxes: PixelBox[] = [
        [4, 40, 2, 40],
        [0, 0, 0, width],
      ]
      const labels = refinedPseudoLabels({ images: twice(images()), cams: twice(cams()), tags, boxes })
      const seen = rows(labels)
      for (const [y, row] of seen.slice(0, height).entries())
        for (const [x, label] of row.entries()) if (y < 4 || x < 2) expect(label).toBe(IGNORE)
      expect(seen[12]![2]).toBe(1)
      expect(new Set(seen.slice(height).flat())).toEqual(new Set([IGNORE]))
    })
  })

  test.for([
    [1, 40],
    [40, 1],
    [1, 1],
  ] as const)('an image of %i x %i pixels, one without a tag, one with all', ([h, w]) => {
    scope(() => {
      const batch = { images: ops.rand([2, 3, h, w]), boxes: [[0, h, 0, w] as const, [0, h, 0, w] as const] }
      const tags = tensor([0, 0, 1, 1], [2, 2])
      const labels = refinedPseudoLabels({ ...batch, cams: ops.fullLike(ops.rand([2, 2, h, w]), 1), tags })
      const values = [...labels.toFloat32Array()]
      expect(new Set(values.slice(0, h * w))).toEqual(new Set([0]))
      expect(new Set(values.slice(h * w))).toEqual(new Set([1]))
    })
  })
})

describe('labels of maps with their background', () => {
  const maps = (ground: number): Tensor => planes(3, (label, x) => [ground, x < 16 ? 0.5 : 0, 0.9][label]!) // label 2 is no tag of the image

  test('are a class, the background or open by the two maps together', () => {
    scope(() => {
      const given = {
        images: images(),
        tags: tensor([1, 0], [1, 2]),
        boxes: [[2, height, 0, width] as const],
      }
      const sure = rows(refinedAffinityLabels({ ...given, low: maps(0.3), high: maps(0.4) }))
      expect([sure[12]![2], sure[12]![30], sure[1]![2]]).toEqual([1, 0, IGNORE])
      const open = rows(refinedAffinityLabels({ ...given, low: maps(0.3), high: maps(0.7), ignore: 77 }))
      expect([open[12]![2], open[12]![30], open[1]![2]]).toEqual([77, 0, 77])
    })
  })

  test('come from maps that are 0 outside the box and for classes that are absent', () => {
    scope(() => {
      const boxes: PixelBox[] = [[2, height, 0, 20]]
      const refined = refinedClassMaps({
        images: images(),
        maps: maps(0.3),
        tags: tensor([1, 0], [1, 2]),
        boxes,
      })
      const seen = rows(refined.reshape(-1))
      expect(seen[12]![2]).toBeGreaterThan(0.3)
      expect([seen[1]![2], seen[12]![25], seen[height + 1]![2], seen[2 * height + 12]![2]]).toEqual([
        0, 0, 0, 0,
      ])
      expect(seen[height + 12]![2]).toBeGreaterThan(0.4)
    })
  })
})

test('nothing is left behind', () => {
  scope(() => {
    const [given, tags] = [{ images: images(), boxes: [all] }, tensor([1, 1, 0], [1, 3])]
    const [own, maps] = [cams(), planes(4, () => 0.5)]
    const live = memory().live
    refinedPseudoLabels({ ...given, cams: own, tags }).dispose()
    refinedAffinityLabels({ ...given, low: maps, high: maps, tags }).dispose()
    refinedClassMaps({ ...given, maps, tags }).dispose()
    expect(memory().live).toBe(live)
  })
})
