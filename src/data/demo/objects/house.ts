/** @file A house with a gable and a lit side wall; brick or boards, tiles, windows, a door. */
import type { Part } from '../canvas.ts'
import { box, polygon, union } from '../shape.ts'
import { type Colour, hsv, scaled } from '../texture.ts'
import { type Brush, grainy, patched, toLine } from './surface.ts'

/** Parts of a house, back to front; it stands on y = 0.95. */
export function house(brush: Brush): Part[] {
  const { random, light } = brush
  const wall = random.pick([
    hsv(0.03, 0.55, 0.62),
    hsv(0.11, 0.22, 0.92),
    hsv(0.12, 0.5, 0.85),
    hsv(0.58, 0.25, 0.75),
    hsv(0.98, 0.35, 0.72),
  ])
  const roof = random.pick([
    hsv(0.02, 0.7, 0.5),
    hsv(0.6, 0.15, 0.35),
    hsv(0.06, 0.55, 0.38),
    hsv(0.4, 0.25, 0.35),
  ])
  const trim = hsv(0.1, 0.05, random.between(0.85, 0.98))
  const bricks = random.chance(0.6)
  const front = random.between(-0.05, 0.25) // x where front and side meet
  const eaves = random.between(-0.15, 0.05)
  const ridge = random.between(-0.95, -0.75)
  const middle = (front - 1) / 2
  const walls = bricks ? masonry(brush, wall) : boards(brush, wall)
  const sunny = light[0] < 0
  const shade =
    (paint: Part['paint'], factor: number): Part['paint'] =>
    (x, y) =>
      scaled(paint(x, y), factor)
  const windows = (paint: Part['paint'], from: number, to: number): Part['paint'] =>
    withWindows(brush, paint, trim, from, to, eaves)
  const gable = union(
    box(-1, eaves, front, 0.95),
    polygon([-1, eaves + 0.02], [middle, ridge + 0.05], [front, eaves + 0.02]),
  )
  const side = polygon([front, eaves], [1, eaves + 0.05], [1, 0.86], [front, 0.95])
  const slope = polygon(
    [middle - 0.02, ridge],
    [0.62, ridge + 0.06],
    [1.1, eaves + 0.12],
    [front + 0.02, eaves + 0.08],
  )
  const verge = union(
    stripe(middle, ridge, -1.1, eaves + 0.1),
    stripe(middle, ridge, front + 0.08, eaves + 0.1),
  )
  const door = box(middle - 0.16, 0.4, middle + 0.12, 0.95)
  const doorColour = hsv(random.between(0, 1), 0.6, 0.4)
  const chimney = box(0.28, ridge - 0.22, 0.48, ridge + 0.3)
  return [
    { shape: chimney, paint: masonry(brush, hsv(0.03, 0.5, 0.45)) },
    { shape: side, paint: shade(windows(walls, front + 0.12, 0.92), sunny ? 0.68 : 1.05) },
    { shape: slope, paint: shade(tiles(brush, roof), sunny ? 0.85 : 1.1) },
    { shape: gable, paint: shade(windows(walls, -0.92, front - 0.08), sunny ? 1.05 : 0.75) },
    { shape: verge, paint: grainy(brush, scaled(trim, sunny ? 1 : 0.85), { strength: 0.06 }) },
    {
      shape: door,
      paint: patched(
        grainy(brush, doorColour),
        grainy(brush, scaled(doorColour, 0.6)),
        x => toLine(x - middle, 0.14) < 0.14,
      ),
    },
  ]
}

function stripe(ax: number, ay: number, bx: number, by: number): Part['shape'] {
  return polygon([ax, ay - 0.06], [bx, by - 0.04], [bx, by + 0.07], [ax, ay + 0.08])
}

function masonry(brush: Brush, colour: Colour): Part['paint'] {
  const mortar = grainy(brush, [0.75, 0.72, 0.68], { strength: 0.1 })
  return (x, y) => {
    const row = Math.floor(y / 0.12)
    const along = x / 0.24 + (row % 2) * 0.5
    if (toLine(y, 0.12) < 0.13 || toLine(along, 1) < 0.06) return mortar(x, y)
    return scaled(colour, 0.78 + 0.4 * brush.noise(Math.floor(along) * 3.7 + 90, row * 5.3))
  }
}

function boards(brush: Brush, colour: Colour): Part['paint'] {
  return patched(
    grainy(brush, colour, { fine: 5, strength: 0.12 }),
    grainy(brush, scaled(colour, 0.72)),
    (_, y) => toLine(y, 0.13) < 0.12,
  )
}

function tiles(brush: Brush, colour: Colour): Part['paint'] {
  return (x, y) => {
    const row = Math.floor(y / 0.11)
    const lip = y / 0.11 - row
    const along = x / 0.15 + (row % 2) * 0.5
    const tone = 0.75 + 0.45 * brush.noise(Math.floor(along) * 2.3, row * 3.1 + 40)
    return scaled(colour, tone * (lip > 0.75 || toLine(along, 1) < 0.1 ? 0.6 : 0.85 + 0.3 * lip))
  }
}

/** One or two windows with a frame and a cross, between two walls' ends. */
function withWindows(
  brush: Brush,
  paint: Part['paint'],
  trim: Colour,
  from: number,
  to: number,
  eaves: number,
): Part['paint'] {
  const top = eaves + 0.12
  const half = 0.15
  const centres = to - from > 0.8 ? [from + 0.2, to - 0.18] : [(from + to) / 2]
  const glow = brush.random.chance(0.3)
  return (x, y) => {
    const dy = Math.abs(y - top - half)
    for (const centre of centres) {
      const dx = Math.abs(x - centre)
      if (dx > half || dy > half) continue
      if (dx > half - 0.04 || dy > half - 0.04 || dx < 0.02 || dy < 0.02) return trim
      return glow
        ? [1, 0.85, 0.45]
        : [0.22 + 0.25 * (half - (y - top)), 0.34 + 0.2 * (half - (y - top)), 0.46]
    }
    return paint(x, y)
  }
}
