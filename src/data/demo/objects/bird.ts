/** @file A bird in flight, seen from the side. Wings with rows of feathers; the head is the telling part. */
import type { Part } from '../canvas.ts'
import { ellipse, melt, polygon, stroke } from '../shape.ts'
import { blend, type Colour, hsv, scaled } from '../texture.ts'
import { type Brush, grainy, patched, rounded, toLine } from './surface.ts'

/** Parts of a bird, back to front, flying to the right. */
export function bird(brush: Brush): Part[] {
  const { random } = brush
  const [back, belly, tip] = random.pick<readonly [Colour, Colour, Colour]>([
    [hsv(0.6, 0.12, 0.72), hsv(0.1, 0.05, 0.97), hsv(0, 0, 0.12)], // gull
    [hsv(0.62, 0.6, 0.35), hsv(0.06, 0.55, 0.8), hsv(0.64, 0.6, 0.2)], // swallow
    [hsv(0.07, 0.55, 0.38), hsv(0.1, 0.4, 0.72), hsv(0.05, 0.5, 0.16)], // hawk
    [hsv(0.99, 0.85, 0.72), hsv(0.14, 0.75, 0.9), hsv(0.6, 0.8, 0.6)], // parrot
    [hsv(0.65, 0.15, 0.2), hsv(0.65, 0.1, 0.32), hsv(0, 0, 0.06)], // crow
  ])
  const lift = random.chance(0.65) ? random.between(-1.1, -0.6) : random.between(0.6, 0.95) // wing tips: negative is up
  const sweep = random.between(-0.5, 0.1)
  const wing = (root: number, scale: number): Part['shape'] => {
    const y = lift < 0 ? 0.9 * lift - 0.1 : 0.85 * lift + 0.15
    const bend = 0.45 * y - 0.15
    return polygon(
      [root + 0.32, 0.02],
      [root + 0.3 * scale, bend],
      [root + sweep * scale + 0.1, y * scale],
      [root + sweep * scale - 0.12, y * scale * 0.97],
      [root - 0.42 * scale, bend * 0.8 + 0.1],
      [root - 0.34, 0.1],
    )
  }
  const feathers = (root: number, shade: number): Part['paint'] => {
    const base = grainy(brush, scaled(back, shade), { fine: 6, strength: 0.15 })
    const quill = grainy(brush, scaled(blend(back, tip, 0.5), 0.75 * shade))
    const rows = patched(
      base,
      quill,
      (x, y) => toLine(x - root + 0.35 * y, 0.13) < 0.17 && Math.abs(y) > 0.28,
    )
    return patched(
      rows,
      grainy(brush, scaled(tip, shade)),
      (_, y) => Math.abs(y) > 0.74 * (Math.abs(lift) * 0.6 + 0.4),
    )
  }
  const body = melt(0.22, ellipse(-0.02, 0.1, 0.56, 0.24), ellipse(0.56, -0.03, 0.21))
  const tail = polygon([-0.42, 0.02], [-1.12, -0.06], [-0.95, 0.1], [-1.1, 0.3], [-0.42, 0.22])
  const plumage = patched(
    grainy(brush, back, { fine: 9 }),
    grainy(brush, belly, { fine: 9, strength: 0.15 }),
    (x, y) => y > 0.1 + 0.06 * Math.sin(9 * x) - (x > 0.4 ? 0.12 : 0),
  )
  const beak = polygon([0.72, -0.1], [1.05, 0.02], [0.72, 0.08])
  const far = wing(0.16, 0.92)
  const near = wing(-0.02, 1)
  return [
    { shape: far, paint: rounded(brush, far, feathers(0.16, 0.7), { depth: 0.12 }) },
    {
      shape: tail,
      paint: patched(
        grainy(brush, scaled(back, 0.85)),
        grainy(brush, tip),
        (x, y) => x < -0.92 || toLine(y - 0.1 * x, 0.12) < 0.12,
      ),
    },
    { shape: beak, paint: grainy(brush, hsv(0.1, 0.85, 0.92), { strength: 0.1 }) },
    { shape: body, paint: rounded(brush, body, plumage, { depth: 0.2 }) },
    { shape: near, paint: rounded(brush, near, feathers(-0.02, 1), { depth: 0.12 }) },
    { shape: ellipse(0.63, -0.08, 0.065), paint: () => [0.97, 0.95, 0.85] },
    { shape: stroke(0.64, -0.08, 0.66, -0.08, 0.035), paint: () => [0.03, 0.03, 0.03] },
  ]
}
