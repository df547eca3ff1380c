/** @file A polygon with holes as one ring ("keyhole"), for formats that have no holes. */
import type { Points } from './arcs.ts'

/** A cut from a hole to what is left of it. */
interface Cut {
  /** The point after which the ring is cut open. */
  readonly host: number
  readonly x: number
  readonly y: number
  /** The point of the hole that it leads to. */
  readonly to: number
  readonly distance: number
}

/**
 * One ring for formats without holes: from the leftmost point of each hole a cut of no width leads to the left, to the nearest
 * line, and back. No cut crosses a line or another cut, and the area stays the same.
 */
export function bridgedRing({ outer, holes }: { outer: Points; holes: readonly Points[] }): Points {
  if (holes.length === 0) return outer
  const xs: number[] = []
  const ys: number[] = []
  const next: number[] = []
  const previous: number[] = []
  const firsts: number[] = []
  for (const ring of [outer, ...holes]) {
    const first = xs.length
    const n = ring.length / 2
    firsts.push(first)
    for (let i = 0; i < n; i++) {
      xs.push(ring[2 * i]!)
      ys.push(ring[2 * i + 1]!)
      next.push(first + ((i + 1) % n))
      previous.push(first + ((i + n - 1) % n))
    }
  }
  const edgesOfRow = new Map<number, number[]>()
  for (let a = 0; a < xs.length; a++) {
    const [from, to] = [ys[a]!, ys[next[a]!]!].sort((p, q) => p - q) as [number, number]
    for (let row = Math.floor(from); row <= Math.floor(to); row++) {
      const there = edgesOfRow.get(row)
      if (there === undefined) edgesOfRow.set(row, [a])
      else there.push(a)
    }
  }
  const cuts = firsts.slice(1).map((first, k): Cut => {
    const end = firsts[k + 2] ?? xs.length
    let to = first
    for (let i = first; i < end; i++) if (xs[i]! < xs[to]!) to = i
    return cutFrom(to, { first, end })
  })
  cuts.sort((a, b) => a.host - b.host || b.distance - a.distance)
  for (const { host, x, y, to } of cuts) splice({ host, x, y, to })
  const ring: number[] = []
  let at = 0
  do {
    const n = ring.length
    if (n === 0 || ring[n - 2] !== xs[at] || ring[n - 1] !== ys[at]) ring.push(xs[at]!, ys[at]!)
    at = next[at]!
  } while (at !== 0)
  return ring

  /** The nearest line to the left of a point, other than its own hole's. */
  function cutFrom(to: number, hole: { first: number; end: number }): Cut {
    const [x, y] = [xs[to]!, ys[to]!]
    let best: Cut | undefined
    for (const a of edgesOfRow.get(Math.floor(y)) ?? []) {
      if (a >= hole.first && a < hole.end) continue
      const b = next[a]!
      const [ay, by] = [ys[a]!, ys[b]!]
      if (Math.min(ay, by) > y || Math.max(ay, by) < y || ay === by) continue
      const at = y === ay ? xs[a]! : y === by ? xs[b]! : xs[a]! + ((y - ay) * (xs[b]! - xs[a]!)) / (by - ay)
      if (at > x || (best !== undefined && at <= best.x)) continue
      best = { host: a, x: at, y, to, distance: Math.hypot(at - xs[a]!, y - ay) }
    }
    if (best === undefined) throw new RangeError('a hole outside of its ring')
    return best
  }

  /** ..., host, cut, hole from `to` around to `to`, cut, what came after host. */
  function splice({ host, x, y, to }: Omit<Cut, 'distance'>): void {
    const cut = xs.push(x, x, xs[to]!) - 3
    ys.push(y, y, ys[to]!)
    const [back, end] = [cut + 1, cut + 2]
    link(previous[to]!, end)
    link(end, back)
    link(back, next[host]!)
    link(host, cut)
    link(cut, to)
  }

  function link(a: number, b: number): void {
    next[a] = b
    previous[b] = a
  }
}
