/** @file Shapes as signed distance functions (negative inside), after Inigo Quilez's "2D distance functions". */
/** Distance to the outline in the object's own units; negative inside. */
export type Shape = (x: number, y: number) => number

/** An ellipse; the distance is exact on its outline, near enough elsewhere. */
export function ellipse(cx: number, cy: number, rx: number, ry = rx): Shape {
  const r = Math.min(rx, ry)
  return (x, y) => (Math.hypot((x - cx) / rx, (y - cy) / ry) - 1) * r
}

/** A stroke from a to b whose half-width goes from `ra` to `rb`. */
export function stroke(ax: number, ay: number, bx: number, by: number, ra: number, rb = ra): Shape {
  const dx = bx - ax
  const dy = by - ay
  const length2 = dx * dx + dy * dy
  return (x, y) => {
    const t = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length2))
    return Math.hypot(x - ax - t * dx, y - ay - t * dy) - (ra + (rb - ra) * t)
  }
}

/** An axis-aligned box between two corners. */
export function box(x0: number, y0: number, x1: number, y1: number): Shape {
  return (x, y) => {
    const dx = Math.abs(x - (x0 + x1) / 2) - (x1 - x0) / 2
    const dy = Math.abs(y - (y0 + y1) / 2) - (y1 - y0) / 2
    return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0)
  }
}

/** A polygon through the points [x, y]. */
export function polygon(...points: readonly (readonly [number, number])[]): Shape {
  const edges = points.map((b, i) => {
    const a = points[(i + points.length - 1) % points.length]!
    return { ax: a[0], ay: a[1], by: b[1], dx: b[0] - a[0], dy: b[1] - a[1] }
  })
  return (x, y) => {
    let nearest = Number.POSITIVE_INFINITY
    let inside = false
    for (const { ax, ay, by, dx, dy } of edges) {
      const t = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)))
      const ex = x - ax - t * dx
      const ey = y - ay - t * dy
      nearest = Math.min(nearest, ex * ex + ey * ey)
      if (ay > y !== by > y && x < ax + (dx * (y - ay)) / (by - ay)) inside = !inside
    }
    return inside ? -Math.sqrt(nearest) : Math.sqrt(nearest)
  }
}

/** The union of the shapes. */
export function union(...shapes: readonly Shape[]): Shape {
  return (x, y) => {
    let nearest = Number.POSITIVE_INFINITY
    for (const shape of shapes) nearest = Math.min(nearest, shape(x, y))
    return nearest
  }
}

/** The intersection of both shapes. */
export function overlap(a: Shape, b: Shape): Shape {
  return (x, y) => Math.max(a(x, y), b(x, y))
}

/** Two shapes melted together over a seam of width `k`: limbs into bodies. */
export function melt(k: number, first: Shape, ...others: readonly Shape[]): Shape {
  return others.reduce(
    (a, b) => (x, y) => {
      const da = a(x, y)
      const db = b(x, y)
      const h = Math.max(k - Math.abs(da - db), 0) / k
      return Math.min(da, db) - (h * h * k) / 4
    },
    first,
  )
}
