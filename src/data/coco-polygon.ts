/** @file Filling a polygon as COCO's own code does: to the same pixels as pycocotools' rleFrPoly (maskApi.c). */
import type { RunLengths } from '../io/coco-rle.ts'

const SCALE = 5 // steps of a side in which the boundary is followed
const FAR = 8 // sizes of the image by which a corner may lie outside

/** Whether corners x, y, x, y, ... are numbers near the image: three corners at least. */
export function isPolygon(
  corners: unknown,
  { width, height }: Pick<RunLengths, 'width' | 'height'>,
): corners is readonly number[] {
  if (!Array.isArray(corners) || corners.length < 6 || corners.length % 2 !== 0) return false
  return corners.every(
    (value, i) =>
      typeof value === 'number' && Math.abs(value) <= FAR * Math.max(1, i % 2 === 0 ? width : height),
  )
}

/**
 * The pixels inside a polygon of `corners` x, y, x, y, ... The boundary is followed in fifths of a pixel; where it crosses
 * the middle of a column, a run begins or ends. Time grows with the length of the boundary; memory is bounded by the image.
 */
export function fillPolygon(
  corners: readonly number[],
  { width, height }: Pick<RunLengths, 'width' | 'height'>,
): RunLengths {
  const crossings = crossingsOf(corners, { width, height })
  const ends = Uint32Array.from([...crossings, width * height]).sort()
  const counts: number[] = []
  let before = 0
  let joined = false // two ends at one place: the runs around them are one
  for (const end of ends) {
    const run = end - before
    before = end
    if (joined) {
      counts[counts.length - 1]! += run
      joined = false
    } else if (run > 0 || counts.length === 0) counts.push(run)
    else joined = true
  }
  return { width, height, counts: Uint32Array.from(counts) }
}

/** Places, column by column, at which the boundary crosses the middle of a column. */
function crossingsOf(
  corners: readonly number[],
  { width, height }: Pick<RunLengths, 'width' | 'height'>,
): number[] {
  let found: number[] = []
  const most = 2 * width * height + 2 ** 16
  const count = corners.length / 2
  const scaled = corners.map(value => Math.trunc(SCALE * value + 0.5))
  let [lastU, lastV] = [Number.NaN, Number.NaN]
  const visit = (u: number, v: number): void => {
    if (u !== lastU && !Number.isNaN(lastU)) {
      const x = ((u < lastU ? u : u - 1) + 0.5) / SCALE - 0.5
      if (Number.isInteger(x) && x >= 0 && x <= width - 1) {
        const y = (Math.min(v, lastV) + 0.5) / SCALE - 0.5
        found.push(x * height + Math.ceil(Math.min(height, Math.max(0, y))))
      }
    }
    lastU = u
    lastV = v
  }
  for (let j = 0; j < count; j++) {
    if (found.length > most) found = withoutPairs(found)
    const k = (j + 1) % count
    followEdge([scaled[2 * j]!, scaled[2 * j + 1]!, scaled[2 * k]!, scaled[2 * k + 1]!], visit)
  }
  return found
}

/** Without the places that are crossed twice, where nothing changes. */
function withoutPairs(places: readonly number[]): number[] {
  const kept: number[] = []
  for (const place of Uint32Array.from(places).sort())
    if (kept.at(-1) === place) kept.pop()
    else kept.push(place)
  return kept
}

/** Every point of an edge in order, rounded as in C; computed from the same end whichever way it is followed. */
function followEdge(
  [x0, y0, x1, y1]: readonly [number, number, number, number],
  visit: (u: number, v: number) => void,
): void {
  const across = Math.abs(x1 - x0)
  const down = Math.abs(y1 - y0)
  const flat = across >= down
  const back = flat ? x0 > x1 : y0 > y1
  const [xs, ys, xe, ye] = back ? [x1, y1, x0, y0] : [x0, y0, x1, y1]
  const steps = flat ? across : down
  const slope = steps === 0 ? 0 : (flat ? ye - ys : xe - xs) / steps
  for (let d = 0; d <= steps; d++) {
    const t = back ? steps - d : d
    if (flat) visit(t + xs, Math.trunc(ys + slope * t + 0.5))
    else visit(Math.trunc(xs + slope * t + 0.5), t + ys)
  }
}
