/** @file A polygon with holes as one ring ("keyhole"), for formats that have no holes. */
import type { Points } from './arcs.ts'

const SLACK = 0.05 // pixels: rings that touch may have been drawn into one another by less (inset.ts)
const MOST_HOLES = 500 // of which the shortest cuts are sought; of more, those to the left are taken

/** A cut from a hole, along a row or column, to the nearest line. */
interface Cut {
  /** The point of the hole. */
  readonly to: number
  /** The point after which the other ring is cut open, and where. */
  readonly host: number
  readonly x: number
  readonly y: number
  readonly length: number
}

/** All rings' points, each with the one after it and the one before. */
interface Chain {
  readonly xs: number[]
  readonly ys: number[]
  readonly next: number[]
  readonly previous: number[]
  /** The ring of each point. */
  readonly rings: number[]
}

/**
 * One ring for formats without holes: short cuts of no width lead from each hole to a line beside it and back, so that the area
 * stays the same. No cut crosses a line; up to 500 holes none crosses another one, unless no other way is left.
 */
export function bridgedRing({ outer, holes }: { outer: Points; holes: readonly Points[] }): Points {
  if (holes.length === 0) return outer
  const chain = chainOf([outer, ...holes])
  const cuts = cutsOf(chain, holes.length)
  const { xs, ys, next } = chain
  const along = ({ host, x, y }: Cut): number => Math.hypot(x - xs[host]!, y - ys[host]!)
  // of cuts to one edge the farthest first: each is put right after the edge's first point
  for (const cut of cuts.sort((a, b) => a.host - b.host || along(b) - along(a))) splice(chain, cut)
  const ring: number[] = []
  let at = 0
  do {
    const n = ring.length
    if (n === 0 || ring[n - 2] !== xs[at] || ring[n - 1] !== ys[at]) ring.push(xs[at]!, ys[at]!)
    at = next[at]!
  } while (at !== 0)
  return ring
}

function chainOf(all: readonly Points[]): Chain {
  const chain: Chain = { xs: [], ys: [], next: [], previous: [], rings: [] }
  for (const [k, ring] of all.entries()) {
    const first = chain.xs.length
    const n = ring.length / 2
    for (let i = 0; i < n; i++) {
      chain.xs.push(ring[2 * i]!)
      chain.ys.push(ring[2 * i + 1]!)
      chain.next.push(first + ((i + 1) % n))
      chain.previous.push(first + ((i + n - 1) % n))
      chain.rings.push(k)
    }
  }
  return chain
}

/** A cut for each hole: of those in four directions the shortest that join all rings (Kruskal). */
function cutsOf(chain: Chain, holes: number): Cut[] {
  const { xs, ys, rings } = chain
  const rows = linesByRow(chain)
  const toTheLeft = extremes(chain, -1).map(
    to => cutFrom(chain, rows, { to, sign: -1 }) ?? nearestCorner(chain, to),
  )
  if (holes > MOST_HOLES) return toTheLeft
  const turned: Chain = { ...chain, xs: ys, ys: xs }
  const columns = linesByRow(turned)
  const candidates: (Cut | undefined)[] = [...toTheLeft]
  for (const to of extremes(chain, 1)) candidates.push(cutFrom(chain, rows, { to, sign: 1 }))
  for (const sign of [-1, 1] as const)
    for (const to of extremes(turned, sign)) {
      const cut = cutFrom(turned, columns, { to, sign })
      if (cut !== undefined) candidates.push({ ...cut, x: cut.y, y: cut.x })
    }
  const joined = Array.from({ length: holes + 1 }, (_, ring) => ring)
  const rootOf = (ring: number): number => (joined[ring] === ring ? ring : rootOf(joined[ring]!))
  const cuts: Cut[] = []
  const accept = (cut: Cut, { crossing }: { crossing: boolean }): void => {
    const [a, b] = [rootOf(rings[cut.to]!), rootOf(rings[cut.host]!)]
    if (a === b || (!crossing && cuts.some(other => doCross(chain, cut, other)))) return
    joined[a] = b
    cuts.push(cut)
  }
  const known = candidates.filter(cut => cut !== undefined)
  for (const cut of known.sort((a, b) => a.length - b.length)) accept(cut, { crossing: false })
  for (const cut of toTheLeft) accept(cut, { crossing: true }) // these alone join all: each leads to what begins farther left
  return cuts
}

/** The leftmost (-1) or rightmost (1) point of each hole. */
function extremes({ xs, rings }: Chain, sign: 1 | -1): number[] {
  const best: number[] = []
  for (const [i, ring] of rings.entries())
    if (best[ring] === undefined || sign * xs[i]! > sign * xs[best[ring]]!) best[ring] = i
  return best.slice(1)
}

/** The edges in each row of pixels, by their first points. */
function linesByRow({ ys, next }: Chain): Map<number, number[]> {
  const rows = new Map<number, number[]>()
  for (let a = 0; a < ys.length; a++) {
    const [from, to] = [Math.min(ys[a]!, ys[next[a]!]!), Math.max(ys[a]!, ys[next[a]!]!)]
    for (let row = Math.floor(from); row <= Math.floor(to); row++) {
      const there = rows.get(row)
      if (there === undefined) rows.set(row, [a])
      else there.push(a)
    }
  }
  return rows
}

/** From an extreme point along its row to the nearest line of another ring. */
function cutFrom(
  { xs, ys, next, rings }: Chain,
  rows: ReadonlyMap<number, readonly number[]>,
  { to, sign }: { to: number; sign: 1 | -1 },
): Cut | undefined {
  const [x, y] = [xs[to]!, ys[to]!]
  let best: Cut | undefined
  for (const host of rows.get(Math.floor(y)) ?? []) {
    if (rings[host] === rings[to]) continue
    const [ax, ay, bx, by] = [xs[host]!, ys[host]!, xs[next[host]!]!, ys[next[host]!]!]
    if (ay === by || Math.min(ay, by) > y || Math.max(ay, by) < y) continue
    const at = y === ay ? ax : y === by ? bx : ax + ((y - ay) * (bx - ax)) / (by - ay)
    const length = sign * (at - x)
    if (length >= -SLACK && (best === undefined || length < best.length))
      best = { to, host, x: at, y, length }
  }
  return best
}

/** Where rings that touch have been drawn into one another, a hole may begin outside of its part. */
function nearestCorner({ xs, ys, rings }: Chain, to: number): Cut {
  let [host, length] = [-1, Number.POSITIVE_INFINITY]
  for (let a = 0; a < xs.length; a++) {
    const distance = Math.hypot(xs[a]! - xs[to]!, ys[a]! - ys[to]!)
    if (rings[a] !== rings[to] && distance < length) [host, length] = [a, distance]
  }
  return { to, host, x: xs[host]!, y: ys[host]!, length }
}

/** Whether two cuts, along rows or columns, have a point in common. */
function doCross({ xs, ys }: Chain, a: Cut, b: Cut): boolean {
  const apart = (p: number, q: number, r: number, s: number): boolean =>
    Math.max(p, q) < Math.min(r, s) || Math.max(r, s) < Math.min(p, q)
  return !apart(a.x, xs[a.to]!, b.x, xs[b.to]!) && !apart(a.y, ys[a.to]!, b.y, ys[b.to]!)
}

/** ..., host, cut, the other ring from `to` around to `to`, cut, what came after host. */
function splice({ xs, ys, next, previous }: Chain, { host, x, y, to }: Cut): void {
  const cut = xs.push(x, x, xs[to]!) - 3
  ys.push(y, y, ys[to]!)
  const [back, end] = [cut + 1, cut + 2]
  const link = (a: number, b: number): void => {
    next[a] = b
    previous[b] = a
  }
  link(previous[to]!, end)
  link(end, back)
  link(back, next[host]!)
  link(host, cut)
  link(cut, to)
}
