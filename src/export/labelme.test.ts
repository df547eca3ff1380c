import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillRings, paintRing } from '../../test/fill-rings.ts'
import { anyMask, type MaskPicture, maskOf, PICTURES, withoutVoid } from '../../test/mask-pictures.ts'
import type { ExportImage } from './export-image.ts'
import { labelmeText } from './labelme.ts'

const CLASSES = ['cat', 'dog', 'a "third", été']

const imageOf = (mask: MaskPicture, change: Partial<ExportImage> = {}): ExportImage => ({
  ...mask,
  id: 'trip__beach',
  fileName: 'trip/beach.jpg',
  split: undefined,
  image: undefined,
  scores: undefined,
  cams: undefined,
  ...change,
})

interface Shape {
  readonly label: string
  readonly points: readonly (readonly [number, number])[]
  readonly group_id: number | null
  readonly [field: string]: unknown
}

function shapesOf(mask: MaskPicture, tolerance: number): Shape[] {
  return JSON.parse(labelmeText(imageOf(mask), { classes: CLASSES, tolerance })).shapes
}

/** labelme.utils.shapes_to_label, with another way of filling. */
function readBack(
  mask: MaskPicture,
  shapes: readonly Shape[],
  fill: (ring: number[]) => Uint8Array,
): Uint8Array {
  const data = new Uint8Array(mask.data.length)
  for (const { label, points } of shapes)
    for (const [i, inside] of fill(points.flat()).entries())
      if (inside === 1) data[i] = CLASSES.indexOf(label) + 1
  return data
}

describe('labelme', () => {
  it('has all fields that its readers want', () => {
    const image = imageOf(maskOf('11.3\n.#..'), { scores: new Map([[1, 0.81234567]]) })
    expect(JSON.parse(labelmeText(image, { classes: CLASSES, tolerance: 0 }))).toEqual({
      version: '5.5.0',
      flags: {},
      shapes: [
        {
          label: 'cat',
          points: [
            [0.01, 0.01],
            [1.99, 0.01],
            [1.99, 0.99],
            [0.01, 0.99],
          ],
          group_id: null,
          description: 'score 0.8123',
          shape_type: 'polygon',
          flags: {},
          mask: null,
        },
        {
          label: 'a "third", été',
          points: [
            [3.01, 0.01],
            [3.99, 0.01],
            [3.99, 0.99],
            [3.01, 0.99],
          ],
          group_id: null,
          description: '',
          shape_type: 'polygon',
          flags: {},
          mask: null,
        },
      ],
      imagePath: 'beach.jpg',
      imageData: null,
      imageHeight: 2,
      imageWidth: 4,
    })
  })

  it('puts the parts of a class into one group', () => {
    const groups = shapesOf(maskOf('1.1.2'), 0).map(shape => [shape.label, shape.group_id])
    expect(groups).toEqual([
      ['cat', 1],
      ['cat', 1],
      ['dog', null],
    ])
  })

  it.each(Object.entries(PICTURES))('is read back by labelme2voc as it was: %s', (_, mask) => {
    const shapes = shapesOf(mask, 0)
    expect(readBack(mask, shapes, ring => paintRing(ring, mask))).toEqual(withoutVoid(mask))
    expect(readBack(mask, shapes, ring => fillRings([ring], mask))).toEqual(withoutVoid(mask))
  })

  it('is read back as any mask was', () => {
    fc.assert(
      fc.property(anyMask, mask => {
        expect(readBack(mask, shapesOf(mask, 0), ring => paintRing(ring, mask))).toEqual(withoutVoid(mask))
      }),
      { numRuns: 100 },
    )
  })

  it('can be simplified for any mask', () => {
    fc.assert(
      fc.property(anyMask, fc.constantFrom(0.5, 1, 3), (mask, tolerance) => {
        for (const { points } of shapesOf(mask, tolerance)) {
          expect(points.length).toBeGreaterThanOrEqual(3)
          expect(points.flat().every(Number.isFinite)).toBe(true)
        }
      }),
      { numRuns: 100 },
    )
  })
})
