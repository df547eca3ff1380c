/** @file A sailing or a motor boat. Its sail or cabin tells it apart; its hull is what a CAM forgets. */
import type { Part } from '../canvas.ts'
import { box, polygon, stroke } from '../shape.ts'
import { hsv, scaled } from '../texture.ts'
import { type Brush, grainy, patched, rounded, toLine } from './surface.ts'

/** Parts of a boat, back to front; the water line is near y = 0.9. */
export function boat(brush: Brush): Part[] {
  return brush.random.chance(0.65) ? [...sails(brush), ...hull(brush)] : [...cabin(brush), ...hull(brush)]
}

function hull(brush: Brush): Part[] {
  const { random } = brush
  const depth = random.between(0.78, 0.92)
  const shape = polygon(
    [-1.05, 0.36],
    [-0.3, 0.45],
    [0.5, 0.42],
    [1.15, 0.26],
    [0.88, 0.6],
    [0.7, depth],
    [-0.85, depth],
  )
  const colour = random.pick([
    hsv(0.03, 0.75, 0.55),
    hsv(0.6, 0.7, 0.4),
    hsv(0, 0, 0.88),
    hsv(0.98, 0.8, 0.6),
    hsv(0.42, 0.5, 0.4),
  ])
  const band = random.pick([
    hsv(0, 0, 0.95),
    hsv(0.99, 0.85, 0.65),
    hsv(0.13, 0.8, 0.85),
    hsv(0.62, 0.6, 0.3),
  ])
  const planks = patched(
    grainy(brush, colour, { fine: 5 }),
    grainy(brush, scaled(colour, 0.68)),
    (_, y) => toLine(y - 0.06, 0.13) < 0.12,
  )
  const paint = patched(planks, grainy(brush, band, { strength: 0.1 }), (x, y) => y < 0.53 - 0.06 * x)
  return [{ shape, paint: rounded(brush, shape, paint, { depth: 0.12 }) }]
}

function sails(brush: Brush): Part[] {
  const { random } = brush
  const top = random.between(-1.1, -0.9)
  const mast = random.between(-0.1, 0.15)
  const cloth = random.pick([
    hsv(0.11, 0.08, 0.97),
    hsv(0.11, 0.25, 0.93),
    hsv(0.02, 0.75, 0.75),
    hsv(0.09, 0.6, 0.85),
  ])
  const other = random.pick([scaled(cloth, 0.9), hsv(random.between(0, 1), 0.65, 0.75)])
  const tilt = random.between(-0.25, 0.25)
  const panels = patched(
    grainy(brush, cloth, { fine: 3, strength: 0.1 }),
    grainy(brush, other, { strength: 0.08 }),
    (x, y) => toLine(y + tilt * x, 0.44) < 0.13,
  )
  const seams = patched(
    panels,
    grainy(brush, scaled(cloth, 0.78)),
    (x, y) => toLine(y + tilt * x + 0.11, 0.22) < 0.06,
  )
  const main = polygon(
    [mast + 0.05, top + 0.06],
    [mast + 0.42, -0.32],
    [mast + 0.84, 0.24],
    [mast + 0.05, 0.28],
  )
  const jib = polygon([mast - 0.06, top + 0.16], [mast - 0.06, 0.26], [-0.92, 0.28], [mast - 0.5, -0.2])
  return [
    { shape: jib, paint: rounded(brush, jib, scaledPaint(seams, 0.9), { depth: 0.1 }) },
    { shape: main, paint: rounded(brush, main, seams, { depth: 0.1 }) },
    { shape: stroke(mast, top, mast, 0.5, 0.035), paint: grainy(brush, hsv(0.08, 0.5, 0.4)) },
  ]
}

function cabin(brush: Brush): Part[] {
  const { random } = brush
  const white = grainy(brush, hsv(0.12, 0.05, 0.93), { strength: 0.08 })
  const glass = grainy(brush, hsv(0.56, 0.5, 0.35))
  const lower = box(-0.68, -0.12, 0.55, 0.5)
  const upper = box(-0.45, -0.5, 0.2, -0.1)
  const funnel = polygon([-0.42, -0.98], [-0.14, -0.98], [-0.1, -0.5], [-0.4, -0.5])
  const stripe = hsv(random.between(0.95, 1.1), 0.8, 0.75)
  const portholes = patched(white, glass, (x, y) => Math.hypot(toLine(x, 0.27) * 0.27, y - 0.14) < 0.085)
  const bridge = patched(white, glass, (x, y) => y > -0.42 && y < -0.22 && toLine(x, 0.2) > 0.12)
  return [
    {
      shape: funnel,
      paint: rounded(
        brush,
        funnel,
        patched(grainy(brush, stripe), grainy(brush, hsv(0, 0, 0.15)), (_, y) => y < -0.84),
        { depth: 0.12 },
      ),
    },
    { shape: lower, paint: rounded(brush, lower, portholes, { depth: 0.08 }) },
    { shape: upper, paint: rounded(brush, upper, bridge, { depth: 0.08 }) },
  ]
}

function scaledPaint(paint: Part['paint'], factor: number): Part['paint'] {
  return (x, y) => scaled(paint(x, y), factor)
}
