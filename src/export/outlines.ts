/** @file Outlines of the parts of a label map along the edges of its pixels, with their holes, simplified within a tolerance. */
import { IGNORE } from '../io/label-values.ts'
import { type Arc, ringsOf, type Step } from './outline/arcs.ts'
import { faultyLines, type Line } from './outline/crossings.ts'
import { LEAST_TOLERANCE, type Simplified, simplifyArc, unchanged } from './outline/simplify.ts'
import { type Box, type LabelPixels, type Region, regionsOf } from './regions.ts'

export { bridgedRing } from './outline/bridged-ring.ts'

/**
 * Points of a closed line, x and y in turn: x0, y0, x1, y1, ... The first is not repeated at the end; at least three. In
 * pixels from the upper left corner of the image, so that the first pixel covers 0 to 1.
 */
export type Ring = readonly number[]

/** One connected part of a label. */
export interface Outline {
  readonly label: number
  /** Pixels of the part; a polygon of tolerance 0 has this area. */
  readonly area: number
  /** Of the pixels. */
  readonly box: Box
  /** Clockwise as one sees it (y downwards). */
  readonly outer: Ring
  /** The other way round. Rings touch each other in single points at most. */
  readonly holes: readonly Ring[]
}

export interface OutlineOptions {
  /** Largest distance between the edges of the pixels and the polygon, pixels; 0 keeps every corner. */
  readonly tolerance?: number
}

/**
 * Outlines of all parts of all labels but background and void (255, a hole where it is inside), by label, then row by row.
 * Parts that touch share their line, also simplified. Up to a tolerance of 0.5, filling the pixels whose centres are inside
 * gives back exactly the mask. Thin and small parts are simplified less: at most by their area a pixel of their perimeter.
 */
export function outlinesOf(labels: LabelPixels, { tolerance = 0 }: OutlineOptions = {}): Outline[] {
  const regions = regionsOf(labels)
  const { list } = regions
  const isWanted = (part: number): boolean => list[part]!.label !== 0 && list[part]!.label !== IGNORE
  const { ofPart, arcs } = ringsOf(labels, regions, isWanted)
  const lines = simplifyAll(arcs, [...ofPart.values()].flat(), list, tolerance)
  return [...ofPart]
    .map(([part, rings]) => {
      const [outer, ...holes] = rings.map(ring => cornersOf(pointsOf(ring, lines)))
      const { label, area, box } = list[part]!
      return { label, area, box, outer: outer!, holes }
    })
    .sort((a, b) => a.label - b.label)
}

/** Simplifies every arc, and those at fault by half as much until none is: unsimplified arcs never are. */
function simplifyAll(
  arcs: readonly Arc[],
  rings: readonly (readonly Step[])[],
  regions: readonly Region[],
  tolerance: number,
): ReadonlyMap<Arc, Simplified> {
  const tolerances = arcs.map(({ sides }) =>
    Math.min(
      tolerance,
      ...sides.map(part => (part < 0 ? 0 : regions[part]!.area / regions[part]!.perimeter)),
    ),
  )
  const lines: Line[] = arcs.map((arc, k) => ({ arc, simplified: simplifyArc(arc.corners, tolerances[k]!) }))
  const indices = new Map(arcs.map((arc, k) => [arc, k]))
  if (tolerance >= LEAST_TOLERANCE)
    for (;;) {
      const faulty = faultyLines(lines)
      for (const ring of rings) {
        const points = ring.reduce(
          (sum, { arc }) => sum + lines[indices.get(arc)!]!.simplified.points.length / 2 - 1,
          0,
        )
        if (points < 3) for (const { arc } of ring) faulty.add(indices.get(arc)!)
      }
      if (faulty.size === 0) break
      for (const k of faulty) {
        const { arc } = lines[k]!
        tolerances[k]! /= 2
        const isLeast = tolerances[k]! < LEAST_TOLERANCE
        lines[k] = {
          arc,
          simplified: isLeast ? unchanged(arc.corners) : simplifyArc(arc.corners, tolerances[k]!),
        }
      }
    }
  return new Map(lines.map(({ arc, simplified }) => [arc, simplified]))
}

function pointsOf(ring: readonly Step[], lines: ReadonlyMap<Arc, Simplified>): number[] {
  const points: number[] = []
  for (const { arc, isReversed } of ring) {
    const line = lines.get(arc)!.points
    const n = line.length
    for (let i = 0; i < n - 2; i += 2) {
      const at = isReversed ? n - 2 - i : i
      points.push(line[at]!, line[at + 1]!)
    }
  }
  return points
}

/** Nodes where another part meets a straight line are no corners. The first point is the uppermost, of these the leftmost. */
function cornersOf(ring: readonly number[]): Ring {
  const n = ring.length
  const kept: number[] = []
  let first = 0
  for (let i = 0; i < n; i += 2) {
    const [x, y] = [ring[i]!, ring[i + 1]!]
    const [dx, dy] = [x - ring[(i + n - 2) % n]!, y - ring[(i + n - 1) % n]!]
    if (dx * (ring[(i + 3) % n]! - y) === dy * (ring[(i + 2) % n]! - x)) continue
    if (kept.length > 0 && (y < kept[first + 1]! || (y === kept[first + 1] && x < kept[first]!)))
      first = kept.length
    kept.push(x, y)
  }
  return [...kept.slice(first), ...kept.slice(0, first)]
}
