/**
 * @file One arc with fewer points: the fewest segments that stay within a tolerance of it (Imai and Iri 1988), over its corners
 * and the middles of its stairs. Douglas and Peucker's points are corners alone, and corners of a slope lie 0.5 pixels beside it.
 */
import type { Points } from './arcs.ts'

/** Below it no stair can be cut: the corners of a slope of 45 degrees lie 0.354 from it. */
export const LEAST_TOLERANCE = 0.35

const MOST_SKIPPED = 256 // candidates; keeps the time linear, at the cost of a point after so many
const STRICTLY = 1 - 1e-9 // a pixel's centre is 0.5 from the edges: at that tolerance none may be reached

/** Of each point of the simplified arc: its coordinates, and the index of the last corner of the arc at or before it. */
export interface Simplified {
  readonly points: Points
  readonly corners: readonly number[]
}

/** Both ends stay. All corners are nearer than `tolerance` to the segment that replaces them, and the other way round. */
export function simplifyArc(corners: Points, tolerance: number): Simplified {
  if (tolerance < LEAST_TOLERANCE || corners.length <= 4) return unchanged(corners)
  const { xs, ys, at } = candidatesOf(corners)
  const before = fewestSegments(xs, ys, at, tolerance)
  const kept: number[] = []
  for (let j = xs.length - 1; j >= 0; j = before[j]!) kept.push(j)
  kept.reverse()
  return {
    points: kept.flatMap(j => [xs[j]!, ys[j]!]),
    corners: kept.map(j => at[j]!),
  }
}

export function unchanged(corners: Points): Simplified {
  return { points: corners, corners: Array.from({ length: corners.length / 2 }, (_, k) => k) }
}

interface Candidates {
  readonly xs: Float64Array
  readonly ys: Float64Array
  /** Index of the corner at or before it; `isCorner` where it is that corner. */
  readonly at: Int32Array
}

/**
 * The corners, and the middles of stairs: of the treads of a slope, and of its risers where they are not shorter. A line through
 * either is the slope; tools that round points to whole pixels (inset.ts) find the treads' in the right ones.
 */
function candidatesOf(corners: Points): Candidates {
  const n = corners.length / 2
  const xs = new Float64Array(2 * n)
  const ys = new Float64Array(2 * n)
  const at = new Int32Array(2 * n)
  let m = 0
  const add = (x: number, y: number, corner: number): void => {
    xs[m] = x
    ys[m] = y
    at[m++] = corner
  }
  for (let k = 0; k < n; k++) {
    add(corners[2 * k]!, corners[2 * k + 1]!, k)
    if (!isStep(corners, k)) continue
    const [x, y] = [corners[2 * k]!, corners[2 * k + 1]!]
    const [dx, dy] = [corners[2 * k + 2]! - x, corners[2 * k + 3]! - y]
    const isRiser = [k - 1, k + 1].every(other => isStep(corners, other) && lengthOf(corners, other) > 1)
    if (lengthOf(corners, k) === 1 && isRiser) continue
    add(x + dx / 2, y + dy / 2, k)
  }
  return { xs: xs.subarray(0, m), ys: ys.subarray(0, m), at: at.subarray(0, m) }
}

function lengthOf(corners: Points, k: number): number {
  return Math.abs(corners[2 * k + 2]! - corners[2 * k]! + corners[2 * k + 3]! - corners[2 * k + 1]!)
}

/** Whether the edge after a corner lies between turns in opposite directions. */
function isStep(corners: Points, k: number): boolean {
  if (k < 1 || 2 * k + 5 >= corners.length) return false
  const inX = corners[2 * k]! - corners[2 * k - 2]!
  const inY = corners[2 * k + 1]! - corners[2 * k - 1]!
  const outX = corners[2 * k + 4]! - corners[2 * k + 2]!
  const outY = corners[2 * k + 5]! - corners[2 * k + 3]!
  return inX * outX + inY * outY > 0
}

/**
 * Of each candidate the one before it on the cheapest way. A segment costs 1, and each pixel of area between it and the arc
 * 1 / (4 * tolerance): a line along one side of a slope's stairs is as short as one through them, and worse.
 */
function fewestSegments(xs: Float64Array, ys: Float64Array, at: Int32Array, most: number): Int32Array {
  const n = xs.length
  const tolerance = most * STRICTLY
  const perArea = 1 / (4 * most)
  const cost = new Float64Array(n).fill(Number.POSITIVE_INFINITY)
  const before = new Int32Array(n).fill(-1)
  const swept = new Float64Array(n) // twice the area between the arc and the origin
  for (let j = 1; j < n; j++) swept[j] = swept[j - 1]! + xs[j - 1]! * ys[j]! - xs[j]! * ys[j - 1]!
  cost[0] = 0
  for (let i = 0; i < n - 1; i++) {
    const [x, y] = [xs[i]!, ys[i]!]
    // directions that pass all corners so far within the tolerance: counter-clockwise from `low` to `high`
    let lowX = 0
    let lowY = 0
    let highX = 0
    let highY = 0
    let isBounded = false
    let farthest = 0
    const end = Math.min(n, i + 1 + MOST_SKIPPED)
    for (let j = i + 1; j < end; j++) {
      const dx = xs[j]! - x
      const dy = ys[j]! - y
      const square = dx * dx + dy * dy
      const isWithin = !isBounded || (lowX * dy - lowY * dx >= 0 && dx * highY - dy * highX >= 0)
      if ((isWithin && square >= farthest && square > 0) || j === i + 1) {
        const area = Math.abs(swept[j]! - swept[i]! + xs[j]! * y - x * ys[j]!) / 2
        const through = cost[i]! + 1 + area * perArea
        if (through < cost[j]!) {
          cost[j] = through
          before[j] = i
        }
      }
      if (at[j] === at[j - 1]) continue // the middle of a step: its ends bind
      if (square > farthest) farthest = square
      if (square <= tolerance * tolerance) continue
      const along = Math.sqrt(square - tolerance * tolerance)
      const nextLowX = dx * along + dy * tolerance
      const nextLowY = dy * along - dx * tolerance
      const nextHighX = dx * along - dy * tolerance
      const nextHighY = dy * along + dx * tolerance
      if (!isBounded) {
        isBounded = true
        lowX = nextLowX
        lowY = nextLowY
        highX = nextHighX
        highY = nextHighY
        continue
      }
      // no way on where the cones do not meet, or it turns back
      if (lowX * nextHighY - lowY * nextHighX < 0 || nextLowX * highY - nextLowY * highX < 0) break
      if ((lowX + highX) * dx + (lowY + highY) * dy <= 0) break
      if (lowX * nextLowY - lowY * nextLowX > 0) {
        lowX = nextLowX
        lowY = nextLowY
      }
      if (highX * nextHighY - highY * nextHighX < 0) {
        highX = nextHighX
        highY = nextHighY
      }
    }
  }
  return before
}
