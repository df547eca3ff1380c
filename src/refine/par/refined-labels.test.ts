import { describe, expect, test } from 'vitest'
import { IGNORE } from '../../io/label-values.ts'
import { memory, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import { refinedAffinityLabels, refinedCams, refinedPseudoLabels } from './refined-labels.ts'

const [height, width] = [24, 32]

/** [count, height, width] of a value for each plane and column. */
function planes(count: number, value: (plane: number, x: number) => number): Tensor {
  const area = height * width
  const values = Float32Array.from({ length: count * area }, (_, i) => value(Math.floor(i / area), i % width))
  return tensor(values, [count, height, width])
}

/** Dark on the left of column 16, bright on the right. */
const image = (): Tensor => planes(3, (_, x) => (x < 16 ? 0.1 : 0.9)).unsqueeze(0)

const rows = (labels: Tensor): number[][] => {
  const values = [...labels.toFloat32Array()]
  return Array.from({ length: values.length / width }, (_, y) => values.slice(y * width, (y + 1) * width))
}

describe('refined pseudo labels', () => {
  /** Of class 3 strong on the far left, of class 6 between the two backgrounds beside it. */
  const cams = (): Tensor => planes(2, (k, x) => (k === 0 ? (x < 8 ? 1 : 0) : x >= 8 && x < 16 ? 0.45 : 0))

  test('are the classes of the image, and unknown between the two backgrounds', () => {
    scope(() => {
      const labels = refinedPseudoLabels(image(), [{ classes: [3, 6], cams: cams() }], { iterations: 0 })
      expect([labels.dtype, labels.shape]).toEqual(['uint8', [1, height, width]])
      const row = rows(labels)[12]!
      expect([row[2], row[29]]).toEqual([4, 0])
      expect(new Set(row)).toEqual(new Set([0, 4, IGNORE])) // class 6 beats the low background alone
      const bold = { low: 0.1, high: 0.2, iterations: 0 }
      const known = rows(refinedPseudoLabels(image(), [{ classes: [3, 6], cams: cams() }], bold))[12]!
      expect(known.slice(10, 14)).toEqual([7, 7, 7, 7])
    })
  })

  test('end at the box, which may reach beyond the crop', () => {
    scope(() => {
      const box = { top: 4, bottom: 40, left: 2, right: 40 }
      const seen = rows(refinedPseudoLabels(image(), [{ classes: [3, 6], cams: cams() }], { boxes: [box] }))
      for (const [y, row] of seen.entries())
        for (const [x, label] of row.entries()) if (y < 4 || x < 2) expect(label).toBe(IGNORE)
      expect(seen[12]![2]).toBe(4)
    })
  })

  test.for([
    [1, 40],
    [40, 1],
    [1, 1],
  ] as const)('of an image of %i x %i pixels, without a tag and with one', ([h, w]) => {
    scope(() => {
      const pixels = ops.rand([1, 3, h, w])
      const none = refinedPseudoLabels(pixels, [{ classes: [], cams: ops.zeros([0, h, w]) }])
      expect(new Set(none.toFloat32Array())).toEqual(new Set([0]))
      const one = refinedPseudoLabels(pixels, [{ classes: [0], cams: ops.full([1, h, w], 1) }])
      expect(new Set(one.toFloat32Array())).toEqual(new Set([1]))
    })
  })
})

describe('labels of maps with their background', () => {
  const maps = (ground: number): Tensor => planes(2, (label, x) => (label === 0 ? ground : x < 16 ? 0.5 : 0))
  const box = { top: 2, bottom: height, left: 0, right: width }

  test('are a class, the background or unknown by the two maps together', () => {
    scope(() => {
      const labelled = (high: number): number[] => {
        const given = { classes: [8], low: maps(0.3), high: maps(high) }
        const seen = rows(refinedAffinityLabels(image(), [given], { boxes: [box] }))
        return [seen[12]![2]!, seen[12]![30]!, seen[1]![2]!]
      }
      expect(labelled(0.4)).toEqual([9, 0, IGNORE])
      expect(labelled(0.7)).toEqual([IGNORE, 0, IGNORE])
    })
  })

  test('come from maps that are 0 outside the box, refined by what lies in it alone', () => {
    scope(() => {
      const half = { ...box, right: 20 }
      const seen = rows(refinedCams(image(), [maps(0.3)], { boxes: [half] })[0]!.reshape(-1))
      expect([seen[1]![2], seen[12]![25], seen[height + 1]![2]]).toEqual([0, 0, 0])
      expect(seen[height + 12]![2]).toBeGreaterThan(0.4)
      const other = ops.cat([image().narrow(3, 0, 20), ops.rand([1, 3, height, 12])], { dim: 3 })
      expect(rows(refinedCams(other, [maps(0.3)], { boxes: [half] })[0]!.reshape(-1))).toEqual(seen)
    })
  })
})

test('nothing is left behind', () => {
  scope(() => {
    const [pixels, cams, maps] = [image(), planes(1, () => 0.5), planes(2, () => 0.5)]
    const box = { top: 1, bottom: 9, left: 0, right: 9 }
    const live = memory().live
    refinedPseudoLabels(pixels, [{ classes: [1], cams }], { boxes: [box] }).dispose()
    refinedAffinityLabels(pixels, [{ classes: [1], low: maps, high: maps }], { boxes: [box] }).dispose()
    refinedCams(pixels, [maps], { boxes: [box] })[0]!.dispose()
    expect(memory().live).toBe(live)
  })
})
