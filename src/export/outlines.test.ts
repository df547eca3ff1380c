import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { fillRings } from '../../test/fill-rings.ts'
import { anyMask, type MaskPicture, maskOf, PICTURES, withoutVoid } from '../../test/mask-pictures.ts'
import { readLabelMap } from '../io/indexed-png.ts'
import { bridgedRing, type Outline, outlinesOf, type Ring } from './outlines.ts'

const ringsOf = ({ outer, holes }: Outline): Ring[] => [outer, ...holes]

/** What filling gives back, and how many pixels are in two parts. */
function filled(
  mask: MaskPicture,
  outlines: readonly Outline[],
  rings: (outline: Outline) => readonly Ring[],
) {
  const data = new Uint8Array(mask.data.length)
  let twice = 0
  for (const outline of outlines)
    for (const [i, inside] of fillRings(rings(outline), mask).entries())
      if (inside === 1) {
        if (data[i] !== 0) twice++
        data[i] = outline.label
      }
  return { data, twice }
}

/** Positive where a ring is clockwise as one sees it. */
function signedArea(ring: Ring): number {
  let sum = 0
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2)
    sum += ring[j]! * ring[i + 1]! - ring[i]! * ring[j + 1]!
  return sum / 2
}

/** Whether two segments of all rings have more in common than an end, or rings more than single points. */
function crossing(outlines: readonly Outline[]): string | undefined {
  const segments = outlines.flatMap((outline, k) =>
    ringsOf(outline).flatMap(ring =>
      Array.from({ length: ring.length / 2 }, (_, p) => {
        const q = (2 * p + 2) % ring.length
        return { k, ax: ring[2 * p]!, ay: ring[2 * p + 1]!, bx: ring[q]!, by: ring[q + 1]! }
      }),
    ),
  )
  for (const [i, s] of segments.entries())
    for (const t of segments.slice(i + 1)) {
      const side = (x: number, y: number) =>
        Math.sign((s.bx - s.ax) * (y - s.ay) - (s.by - s.ay) * (x - s.ax))
      const other = (x: number, y: number) =>
        Math.sign((t.bx - t.ax) * (y - t.ay) - (t.by - t.ay) * (x - t.ax))
      const isCrossed = side(t.ax, t.ay) * side(t.bx, t.by) < 0 && other(s.ax, s.ay) * other(s.bx, s.by) < 0
      if (isCrossed) return JSON.stringify([s, t])
    }
  return undefined
}

describe.each(Object.entries(PICTURES))('outlines of %s', (_, mask) => {
  it.each([0, 0.35, 0.5])('filled at tolerance %d are the mask', tolerance => {
    const outlines = outlinesOf(mask, { tolerance })
    expect(filled(mask, outlines, ringsOf)).toEqual({ data: withoutVoid(mask), twice: 0 })
    expect(filled(mask, outlines, outline => [bridgedRing(outline)]).data).toEqual(withoutVoid(mask))
  })
})

describe('outlines', () => {
  it('keep every corner, clockwise, holes the other way round; the parts of a label by rows', () => {
    expect(outlinesOf(maskOf('1111\n1..1\n1111\n....\n.2.1'))).toEqual([
      {
        label: 1,
        area: 10,
        box: { x: 0, y: 0, width: 4, height: 3 },
        outer: [0, 0, 4, 0, 4, 3, 0, 3],
        holes: [[1, 1, 1, 2, 3, 2, 3, 1]],
      },
      {
        label: 1,
        area: 1,
        box: { x: 3, y: 4, width: 1, height: 1 },
        outer: [3, 4, 4, 4, 4, 5, 3, 5],
        holes: [],
      },
      {
        label: 2,
        area: 1,
        box: { x: 1, y: 4, width: 1, height: 1 },
        outer: [1, 4, 2, 4, 2, 5, 1, 5],
        holes: [],
      },
    ])
  })

  it('of any mask, filled up to a tolerance of 0.5, are the mask, also with cuts to their holes', () => {
    fc.assert(
      fc.property(anyMask, fc.constantFrom(0, 0.4, 0.5), (mask, tolerance) => {
        const outlines = outlinesOf(mask, { tolerance })
        expect(filled(mask, outlines, ringsOf)).toEqual({ data: withoutVoid(mask), twice: 0 })
        expect(filled(mask, outlines, outline => [bridgedRing(outline)]).data).toEqual(withoutVoid(mask))
      }),
      { numRuns: 150 },
    )
  })

  it('of any mask at any tolerance never cross, vanish, turn round, or leave their part', () => {
    fc.assert(
      fc.property(anyMask, fc.constantFrom(0, 0.5, 1, 2, 5, 100), (mask, tolerance) => {
        const outlines = outlinesOf(mask, { tolerance })
        expect(outlines.length).toBe(outlinesOf(mask).length)
        expect(crossing(outlines)).toBeUndefined()
        expect(filled(mask, outlines, ringsOf).twice).toBe(0)
        for (const outline of outlines) {
          for (const ring of ringsOf(outline)) expect(ring.length).toBeGreaterThanOrEqual(6)
          expect(signedArea(outline.outer)).toBeGreaterThan(0)
          for (const hole of outline.holes) expect(signedArea(hole)).toBeLessThan(0)
          const area = ringsOf(outline).reduce((sum, ring) => sum + signedArea(ring), 0)
          expect(signedArea(bridgedRing(outline))).toBeCloseTo(area, 6)
          if (tolerance === 0) expect(area).toBe(outline.area)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('stay within the tolerance of the edges of the pixels', () => {
    fc.assert(
      fc.property(anyMask, fc.constantFrom(0.5, 1, 2), (mask, tolerance) => {
        const exact = outlinesOf(mask)
        for (const [k, outline] of outlinesOf(mask, { tolerance }).entries())
          for (const [r, ring] of ringsOf(outline).entries()) {
            const corners = ringsOf(exact[k]!)[r]!
            for (let i = 0; i < corners.length; i += 2)
              expect(distanceTo(ring, corners[i]!, corners[i + 1]!)).toBeLessThanOrEqual(tolerance)
          }
      }),
      { numRuns: 60 },
    )
  })

  it('of neighbours share their line: no gap and no overlap between them', () => {
    const mask = maskOf('1112222\n1111222\n1111122\n1111122\n1111222\n1112222')
    const [first, second] = outlinesOf(mask, { tolerance: 1 })
    const area = (outline: Outline) => ringsOf(outline).reduce((sum, ring) => sum + signedArea(ring), 0)
    expect(area(first!) + area(second!)).toBe(42)
    expect(first!.outer.length).toBeLessThan(outlinesOf(mask)[0]!.outer.length)
  })

  it('go straight through the stairs of a slope', () => {
    const slope = Array.from({ length: 40 }, (_, y) => '1'.repeat(3 * y + 2).padEnd(130, '.')).join('\n')
    const [outline] = outlinesOf(maskOf(slope), { tolerance: 0.5 })
    expect(outlinesOf(maskOf(slope))[0]!.outer.length / 2).toBeGreaterThan(75)
    expect(outline!.outer.length / 2).toBeLessThan(10)
  })

  it('drawn by an SVG renderer are the mask', async () => {
    const mask = PICTURES['a part in a hole of a part in a hole']!
    const [width, height, scale] = [mask.width, mask.height, 8]
    const paths = outlinesOf(mask, { tolerance: 0 }).map(outline => {
      const lines = ringsOf(outline).map(ring => {
        const points = Array.from({ length: ring.length / 2 }, (_, i) => `${ring[2 * i]} ${ring[2 * i + 1]}`)
        return `M${points.join('L')}Z`
      })
      return `<path fill="#fff" fill-rule="evenodd" d="${lines.join('')}"/>`
    })
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width * scale}" height="${height * scale}" viewBox="0 0 ${width} ${height}" shape-rendering="crispEdges"><rect width="100%" height="100%"/>${paths.join('')}</svg>`
    const { data } = await sharp(Buffer.from(svg))
      .extractChannel(0)
      .raw()
      .toBuffer({ resolveWithObject: true })
    for (let y = 0; y < height * scale; y++)
      for (let x = 0; x < width * scale; x++) {
        const label = mask.data[Math.floor(y / scale) * width + Math.floor(x / scale)]
        expect(data[y * width * scale + x]).toBe(label === 1 ? 255 : 0)
      }
  })

  const real = '../shared/data/voc-mini/SegmentationClassAug'
  it.skipIf(!existsSync(real))(
    'of real masks (skipped without ../shared/data): exact, few points, fast',
    async () => {
      const names = readdirSync(real)
        .filter(name => name.endsWith('.png'))
        .slice(0, 20)
      const points = { exact: 0, simplified: 0 }
      const masks = await Promise.all(names.map(name => readLabelMap(join(real, name))))
      for (const mask of masks) {
        const outlines = outlinesOf(mask, { tolerance: 0.5 })
        for (const label of new Set(outlines.map(outline => outline.label))) {
          const rings = outlines.filter(outline => outline.label === label).flatMap(ringsOf)
          const wrong = fillRings(rings, mask).findIndex(
            (inside, i) => (inside === 1) !== (mask.data[i] === label),
          )
          expect(wrong).toBe(-1)
        }
        for (const outline of outlines.flatMap(ringsOf)) points.simplified += outline.length
        for (const outline of outlinesOf(mask).flatMap(ringsOf)) points.exact += outline.length
      }
      expect(points.simplified).toBeLessThan(0.6 * points.exact)
      const before = process.cpuUsage()
      for (const mask of masks) outlinesOf(mask, { tolerance: 0.5 })
      const { user, system } = process.cpuUsage(before)
      expect((user + system) / 1000 / masks.length).toBeLessThan(30) // milliseconds; 4 on an idle core
    },
  )
})

/** Of a point to the nearest segment of a ring. */
function distanceTo(ring: Ring, x: number, y: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    const [ax, ay, bx, by] = [ring[j]!, ring[j + 1]!, ring[i]!, ring[i + 1]!]
    const square = (bx - ax) ** 2 + (by - ay) ** 2
    const t = Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square))
    least = Math.min(least, Math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)))
  }
  return least
}
