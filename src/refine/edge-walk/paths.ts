/** @file The positions between two neighbours, along which the strongest edge separates them (IRN; semformer, core/aff_utils.py, PathIndex). Torch-free. */
import { type Offset, pairOffsets, RADIUS } from '../affinity/pairs.ts'

/** Positions of the rectangle between both ends that are nearer than 1 to the line through them, both ends included. */
export function pathPositions({ dy, dx }: Offset): Offset[] {
  const [down, right] = [Math.abs(dy), Math.abs(dx)]
  const positions: Offset[] = []
  for (let y = 0; y <= down; y++)
    for (let x = 0; x <= right; x++)
      if ((down * x - right * y) ** 2 < down ** 2 + right ** 2)
        positions.push({ dy: y * Math.sign(dy), dx: x * Math.sign(dx) })
  return positions
}

/** How the maximum along one path is made of those along shorter paths. */
export interface PathStep {
  /** Place of the path's offset in `pairOffsets`. */
  readonly plane: number
  readonly offset: Offset
  /** A part of the path at its start; it is also one at its end, `shift` further. */
  readonly part: { readonly plane: number; readonly shift: Offset } | undefined
  /** The positions in neither. */
  readonly rest: readonly Offset[]
}

/**
 * The path of every offset of `pairOffsets`, after those that it is made of. A path is its own mirror image, so a shorter path
 * that fits at its start fits at its end too. Radius 10: 384 maps are read in place of 2,134, radius 5: 68 in place of 242.
 */
export function pathSteps(radius: number = RADIUS): readonly PathStep[] {
  const known = STEPS.get(radius)
  if (known !== undefined) return known
  const steps = stepsOf(radius)
  STEPS.set(radius, steps)
  return steps
}

const STEPS = new Map<number, readonly PathStep[]>() // tens of milliseconds for radius 10

function stepsOf(radius: number): PathStep[] {
  const width = 2 * radius + 1
  const key = ({ dy, dx }: Offset): number => dy * width + dx
  const paths = pairOffsets(radius)
    .map((offset, plane) => {
      const positions = pathPositions(offset)
      return { plane, offset, positions, keys: new Set(positions.map(key)) }
    })
    .sort((a, b) => a.keys.size - b.keys.size)
  return paths.map(({ plane, offset, positions, keys }, i) => {
    let best: PathStep = { plane, offset, part: undefined, rest: positions }
    for (const shorter of paths.slice(0, i)) {
      if (!shorter.positions.every(position => keys.has(key(position)))) continue
      const shift = { dy: offset.dy - shorter.offset.dy, dx: offset.dx - shorter.offset.dx }
      const covered = (position: Offset): boolean =>
        shorter.keys.has(key(position)) || shorter.keys.has(key(position) - key(shift))
      const rest = positions.filter(position => !covered(position))
      if (rest.length + 2 < best.rest.length + (best.part === undefined ? 0 : 2))
        best = { plane, offset, part: { plane: shorter.plane, shift }, rest }
    }
    return best
  })
}
