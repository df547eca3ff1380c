/** @file Which simplified arcs touch or cross others, or have jumped over one. Exact: coordinates are multiples of 0.5. */
import type { Arc, Points } from './arcs.ts'
import type { Simplified } from './simplify.ts'

export interface Line {
  readonly arc: Arc
  readonly simplified: Simplified
}

const CELL = 16 // pixels

/** Indices of the lines that must be simplified less. Lines may meet at their ends alone, and an unsimplified one is never at fault. */
export function faultyLines(lines: readonly Line[]): Set<number> {
  const faulty = new Set<number>()
  const simplified = lines.map(({ arc, simplified: { points } }) => points.length < arc.corners.length)
  if (!simplified.includes(true)) return faulty
  const cells = new Map<number, number[]>() // segments: line, point
  for (const [k, { simplified: line }] of lines.entries())
    for (let p = 0; p + 3 < line.points.length; p += 2)
      for (const cell of cellsOf(line.points, p)) {
        const there = cells.get(cell)
        if (there === undefined) cells.set(cell, [k, p])
        else there.push(k, p)
      }
  for (const there of cells.values())
    for (let a = 0; a < there.length; a += 2)
      for (let b = a + 2; b < there.length; b += 2) {
        const [k, l] = [there[a]!, there[b]!]
        if (!(simplified[k]! || simplified[l]!)) continue
        if (faulty.has(k) && faulty.has(l)) continue
        if (
          !meetWrongly(lines[k]!.simplified.points, there[a + 1]!, lines[l]!.simplified.points, there[b + 1]!)
        )
          continue
        if (simplified[k]!) faulty.add(k)
        if (simplified[l]!) faulty.add(l)
      }
  for (const k of jumpingLines(lines, simplified)) faulty.add(k)
  return faulty
}

/** The cells that a segment passes, by rows of cells. */
function* cellsOf(points: Points, p: number): Generator<number> {
  const [ax, ay, bx, by] = [points[p]!, points[p + 1]!, points[p + 2]!, points[p + 3]!]
  const firstRow = Math.floor(Math.min(ay, by) / CELL)
  const lastRow = Math.floor(Math.max(ay, by) / CELL)
  for (let row = firstRow; row <= lastRow; row++) {
    const top = Math.max(row * CELL, Math.min(ay, by))
    const bottom = Math.min((row + 1) * CELL, Math.max(ay, by))
    const xAt = (y: number): number => ax + ((y - ay) * (bx - ax)) / (by - ay)
    const [from, to] = ay === by ? [ax, bx] : [xAt(top), xAt(bottom)]
    const left = Math.floor((Math.min(from, to) - 1e-6) / CELL)
    const right = Math.floor((Math.max(from, to) + 1e-6) / CELL)
    for (let column = left; column <= right; column++) yield row * 65_536 + column
  }
}

/** Whether two segments have more in common than an end. */
function meetWrongly(a: Points, p: number, b: Points, q: number): boolean {
  const [ax, ay, bx, by] = [a[p]!, a[p + 1]!, a[p + 2]!, a[p + 3]!]
  const [cx, cy, dx, dy] = [b[q]!, b[q + 1]!, b[q + 2]!, b[q + 3]!]
  const side = (x: number, y: number): number => Math.sign((bx - ax) * (y - ay) - (by - ay) * (x - ax))
  const [c, d] = [side(cx, cy), side(dx, dy)]
  if (c * d > 0) return false
  const otherSide = (x: number, y: number): number => Math.sign((dx - cx) * (y - cy) - (dy - cy) * (x - cx))
  const [e, f] = [otherSide(ax, ay), otherSide(bx, by)]
  if (e * f > 0) return false
  const isShared = (ax === cx && ay === cy) || (ax === dx && ay === dy)
  const isOtherShared = (bx === cx && by === cy) || (bx === dx && by === dy)
  if (c === 0 && d === 0) return overlap([ax, ay, bx, by], [cx, cy, dx, dy])
  return !(isShared || isOtherShared)
}

/** Of two segments on one line: whether they share more than a point. */
function overlap(
  [ax, ay, bx, by]: readonly [number, number, number, number],
  [cx, cy, dx, dy]: readonly [number, number, number, number],
): boolean {
  const along = (x: number, y: number): number => (x - ax) * (bx - ax) + (y - ay) * (by - ay)
  const [c, d] = [along(cx, cy), along(dx, dy)]
  const from = Math.max(0, Math.min(c, d))
  const to = Math.min(along(bx, by), Math.max(c, d))
  return from < to
}

/**
 * Lines with the beginning of another one between themselves and their arc: a hole would be outside of its part. Beginnings
 * stay where they are, and lines that do not cross are wholly where they begin.
 */
function* jumpingLines(lines: readonly Line[], simplified: readonly boolean[]): Generator<number> {
  const cells = new Map<number, number[]>()
  for (const [k, { arc }] of lines.entries()) {
    const cell = Math.floor(arc.corners[1]! / CELL) * 65_536 + Math.floor(arc.corners[0]! / CELL)
    const there = cells.get(cell)
    if (there === undefined) cells.set(cell, [k])
    else there.push(k)
  }
  for (const [k, { arc, simplified: line }] of lines.entries())
    if (simplified[k]!)
      for (let p = 0; p + 1 < line.corners.length; p++) {
        const swept = sweptBy(arc, line, p)
        if (swept.length >= 6 && hasBeginning(swept, cells, lines)) {
          yield k
          break
        }
      }
}

/** The polygon between a segment and the corners it replaces. */
function sweptBy({ corners }: Arc, { points, corners: at }: Simplified, p: number): Points {
  const first = at[p]! + 1
  const last = at[p + 1]!
  const end = [points[2 * p + 2]!, points[2 * p + 3]!]
  return [points[2 * p]!, points[2 * p + 1]!, ...corners.slice(2 * first, 2 * last + 2), ...end]
}

function hasBeginning(
  polygon: Points,
  cells: ReadonlyMap<number, readonly number[]>,
  lines: readonly Line[],
): boolean {
  let [x0, y0, x1, y1] = [polygon[0]!, polygon[1]!, polygon[0]!, polygon[1]!]
  for (let i = 2; i < polygon.length; i += 2) {
    x0 = Math.min(x0, polygon[i]!)
    x1 = Math.max(x1, polygon[i]!)
    y0 = Math.min(y0, polygon[i + 1]!)
    y1 = Math.max(y1, polygon[i + 1]!)
  }
  for (let row = Math.floor(y0 / CELL); row <= Math.floor(y1 / CELL); row++)
    for (let column = Math.floor(x0 / CELL); column <= Math.floor(x1 / CELL); column++)
      for (const k of cells.get(row * 65_536 + column) ?? []) {
        const [x, y] = lines[k]!.arc.corners as [number, number]
        if (x > x0 && x < x1 && y > y0 && y < y1 && isInside(polygon, x, y)) return true
      }
  return false
}

/** Even-odd; a point on the polygon's line counts as outside. */
function isInside(polygon: Points, x: number, y: number): boolean {
  let inside = false
  const n = polygon.length
  for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
    const [ax, ay, bx, by] = [polygon[j]!, polygon[j + 1]!, polygon[i]!, polygon[i + 1]!]
    const turn = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
    const isOn = turn === 0 && (x - ax) * (x - bx) <= 0 && (y - ay) * (y - by) <= 0
    if (isOn) return false
    if (ay > y !== by > y && turn > 0 === by > ay) inside = !inside
  }
  return inside
}
