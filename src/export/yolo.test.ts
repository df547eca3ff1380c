import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillRings, paintRing } from '../../test/fill-rings.ts'
import { anyMask, type MaskPicture, maskOf, PICTURES, withoutVoid } from '../../test/mask-pictures.ts'
import { yoloLines } from './yolo.ts'

function linesOf(mask: MaskPicture, tolerance: number): string {
  const image = {
    ...mask,
    id: 'a',
    fileName: 'a.jpg',
    split: undefined,
    image: undefined,
    scores: undefined,
    cams: undefined,
  }
  return yoloLines(image, { tolerance })
}

/** As Ultralytics reads it: float32, times the size, painted by cv2.fillPoly (polygon2mask); overlaps by the later line. */
function readBack(mask: MaskPicture, tolerance: number, fill: (ring: number[]) => Uint8Array): Uint8Array {
  const data = new Uint8Array(mask.data.length)
  for (const line of linesOf(mask, tolerance).split('\n').filter(Boolean)) {
    const [label, ...numbers] = line.split(' ').map(Number) as [number, ...number[]]
    expect(numbers.length).toBeGreaterThanOrEqual(6)
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...numbers)).toBeLessThanOrEqual(1)
    const ring = numbers.map((value, i) =>
      Math.fround(Math.fround(value) * (i % 2 === 0 ? mask.width : mask.height)),
    )
    for (const [i, inside] of fill(ring).entries()) if (inside === 1) data[i] = label + 1
  }
  return data
}

describe('yolo', () => {
  it('has a line for each part: the class from 0, then the points in 0..1', () => {
    expect(linesOf(maskOf('11..\n11.2'), 0)).toBe(
      '0 0.0025 0.0050 0.4975 0.0050 0.4975 0.9950 0.0025 0.9950\n1 0.7525 0.5050 0.9975 0.5050 0.9975 0.9950 0.7525 0.9950\n',
    )
  })

  it('is empty for an empty mask', () => {
    expect(linesOf(PICTURES['void alone']!, 0.5)).toBe('')
  })

  it.each(Object.entries(PICTURES))('is read back by Ultralytics as it was: %s', (_, mask) => {
    expect(readBack(mask, 0, ring => paintRing(ring, mask))).toEqual(withoutVoid(mask))
    expect(readBack(mask, 0, ring => fillRings([ring], mask))).toEqual(withoutVoid(mask))
  })

  it('is read back as any mask was', () => {
    fc.assert(
      fc.property(anyMask, mask => {
        expect(readBack(mask, 0, ring => paintRing(ring, mask))).toEqual(withoutVoid(mask))
      }),
      { numRuns: 100 },
    )
  })
})
