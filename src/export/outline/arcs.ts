/** @file The lines between the parts of a label map, along the edges of pixels: rings of arcs that neighbours share. */
import type { LabelPixels, Regions } from '../regions.ts'

/** x0, y0, x1, y1, ... in pixels. */
export type Points = readonly number[]

/** A line between two parts, from one node to the next: a corner of pixels where three or more edges meet. */
export interface Arc {
  /** Its corners, both ends included; a line without nodes begins and ends at its uppermost, then leftmost corner. */
  readonly corners: Points
  /** The parts on both sides; -1 is outside of the image. */
  readonly sides: readonly [number, number]
}

/** An arc as a ring walks it. */
export interface Step {
  readonly arc: Arc
  readonly isReversed: boolean
}

export interface Rings {
  /** Of each wanted part its rings, the outer one first, with the part to the right as one walks (y downwards). */
  readonly ofPart: ReadonlyMap<number, readonly (readonly Step[])[]>
  readonly arcs: readonly Arc[]
}

const DX = [1, 0, -1, 0] as const // right, down, left, up
const DY = [0, 1, 0, -1] as const
/** The pixels around a corner, clockwise: walking in direction d, d is ahead to the left, d + 1 ahead to the right, ... */
const AROUND_X = [0, 0, -1, -1] as const
const AROUND_Y = [-1, 0, 0, -1] as const

/** The rings of the parts that are `wanted`. Each edge of a pixel is walked at most twice. */
export function ringsOf(
  { width, height }: LabelPixels,
  { ofPixel }: Regions,
  wanted: (part: number) => boolean,
): Rings {
  const partAt = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= width || y >= height ? -1 : ofPixel[y * width + x]!
  const around = (x: number, y: number, k: number): number =>
    partAt(x + AROUND_X[k & 3]!, y + AROUND_Y[k & 3]!)
  const walked = new Uint8Array(width * height) // upper edges of pixels
  const shared = new Map<number, Arc>()
  const ofPart = new Map<number, Step[][]>()
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const part = ofPixel[i]!
      if (walked[i] === 1 || partAt(x, y - 1) === part || !wanted(part)) continue
      const ring = walk({ x, y, part })
      const rings = ofPart.get(part)
      if (rings === undefined) ofPart.set(part, [ring])
      else rings.push(ring)
    }
  return { ofPart, arcs: [...shared.values()] }

  /** Once around, beginning along the upper edge of a pixel. */
  function walk({ x: startX, y: startY, part }: { x: number; y: number; part: number }): Step[] {
    const xs: number[] = []
    const ys: number[] = []
    const nodes: number[] = [] // indices of corners at which arcs end
    const others: number[] = [] // the part on the left, after each corner
    let x = startX
    let y = startY
    let d = 0
    do {
      if (d === 0) walked[y * width + x] = 1
      x += DX[d]!
      y += DY[d]!
      const left = around(x, y, d)
      const right = around(x, y, d + 1)
      const behindLeft = around(x, y, d + 3) // behind to the right is the part
      const edges = +(left !== right) + +(right !== part) + +(left !== behindLeft) + 1
      const turn = left === part ? 3 : right === part ? 0 : 1 // of two parts' corners that touch, into the other one
      if (turn !== 0 || edges > 2) {
        if (edges > 2) nodes.push(xs.length)
        xs.push(x)
        ys.push(y)
        others.push(turn === 3 ? behindLeft : turn === 0 ? left : right)
      }
      d = (d + turn) & 3
    } while (x !== startX || y !== startY || d !== 0)
    return stepsOf({ xs, ys, nodes, others, part })
  }

  /** Cuts a ring at its nodes, and finds the arcs that were made from the other side. */
  function stepsOf(ring: {
    xs: readonly number[]
    ys: readonly number[]
    nodes: readonly number[]
    others: readonly number[]
    part: number
  }): Step[] {
    const { xs, ys, others, part } = ring
    const n = xs.length
    const nodes = ring.nodes.length > 0 ? ring.nodes : [uppermost(xs, ys)]
    return nodes.map((from, k) => {
      const to = nodes[k + 1] ?? nodes[0]! + n
      const corners: number[] = []
      for (let at = from; at <= to; at++) corners.push(xs[at % n]!, ys[at % n]!)
      const end = corners.length - 2
      const key = Math.min(edgeAt(corners, 0, 2), edgeAt(corners, end, end - 2))
      const known = shared.get(key)
      if (known !== undefined && known.sides[1] !== part) return { arc: known, isReversed: true }
      const arc: Arc = { corners, sides: [others[from]!, part] }
      shared.set(key, arc)
      return { arc, isReversed: false }
    })
  }

  /** A number for the edge of a pixel with which an arc begins, the same in both directions. */
  function edgeAt(corners: Points, at: number, next: number): number {
    const [x, y] = [corners[at]!, corners[at + 1]!]
    const dx = Math.sign(corners[next]! - x)
    const dy = Math.sign(corners[next + 1]! - y)
    return 2 * ((y + Math.min(dy, 0)) * (width + 1) + x + Math.min(dx, 0)) + Math.abs(dy)
  }
}

/** The index of the uppermost corner, of these the leftmost. */
function uppermost(xs: readonly number[], ys: readonly number[]): number {
  let best = 0
  for (let i = 1; i < xs.length; i++)
    if (ys[i]! < ys[best]! || (ys[i] === ys[best] && xs[i]! < xs[best]!)) best = i
  return best
}
