/**
 * @file Outlines for tools that take a coordinate for the pixel of its whole part and paint that pixel, too: labelme
 * (PIL.ImageDraw.polygon) and Ultralytics (cv2.fillPoly of whole numbers). There a corner at the right or lower end of a part would be
 * the next pixel; drawn in by a hundredth of a pixel it is the last one of the part, and nothing that one can see has moved.
 */
import type { Points } from './arcs.ts'

/** Pixels; more than the digits that formats keep. */
const INSET = 0.01

const LONGEST = 3 // of a corner's move, in insets: a needle's would have no end

interface Polygon {
  readonly outer: Points
  readonly holes: readonly Points[]
}

/** The same polygon, each line moved into the part. Where two rings touch, each corner becomes two, one in each of the part's pixels there. */
export function insetPolygon({ outer, holes }: Polygon): Polygon {
  const touched = sharedPoints([outer, ...holes])
  return { outer: insetRing(outer, touched), holes: holes.map(ring => insetRing(ring, touched)) }
}

function sharedPoints(rings: readonly Points[]): ReadonlySet<string> {
  const seen = new Set<string>()
  const shared = new Set<string>()
  if (rings.length === 1) return shared
  for (const ring of rings)
    for (let i = 0; i < ring.length; i += 2) {
      const key = `${ring[i]} ${ring[i + 1]}`
      if (seen.has(key)) shared.add(key)
      seen.add(key)
    }
  return shared
}

/** The part is to the right of the way, y downwards. */
function insetRing(ring: Points, touched: ReadonlySet<string>): Points {
  const n = ring.length
  const moved: number[] = []
  for (let i = 0; i < n; i += 2) {
    const [x, y] = [ring[i]!, ring[i + 1]!]
    const [inX, inY] = unit(x - ring[(i + n - 2) % n]!, y - ring[(i + n - 1) % n]!)
    const [outX, outY] = unit(ring[(i + 2) % n]! - x, ring[(i + 3) % n]! - y)
    if (touched.has(`${x} ${y}`)) {
      moved.push(x + INSET * (-inY - inX), y + INSET * (inX - inY))
      moved.push(x + INSET * (-outY + outX), y + INSET * (outX + outY))
      continue
    }
    const along = inX * outX + inY * outY // 1 straight on, -1 back
    const length = INSET * Math.min(1 / (1 + along), LONGEST)
    moved.push(x - length * (inY + outY), y + length * (inX + outX))
  }
  return moved
}

function unit(x: number, y: number): readonly [number, number] {
  const length = Math.hypot(x, y)
  return [x / length, y / length]
}
