/** @file A cat, sitting or walking: fur with stripes; ears, eyes and nose make the telling part, its head. */
import type { Part } from '../canvas.ts'
import { ellipse, melt, polygon, type Shape, stroke, union } from '../shape.ts'
import { type Colour, hsv, scaled } from '../texture.ts'
import { type Brush, grainy, patched, rounded, toLine } from './surface.ts'

interface Fur {
  readonly base: Colour
  readonly stripe: Colour
  readonly bib: Colour
  readonly iris: Colour
}

/** Parts of a cat, back to front; it is on the ground at y = 1. */
export function cat(brush: Brush): Part[] {
  const { random } = brush
  const iris = random.pick([hsv(0.22, 0.8, 0.8), hsv(0.13, 0.85, 0.9), hsv(0.55, 0.6, 0.85)])
  const white: Colour = [0.95, 0.93, 0.9]
  const [base, stripe, bib] = random.pick<readonly [Colour, Colour, Colour]>([
    [hsv(0.075, 0.7, 0.82), hsv(0.05, 0.8, 0.5), white], // ginger
    [hsv(0.09, 0.15, 0.58), hsv(0.08, 0.2, 0.22), [0.8, 0.78, 0.74]], // tabby
    [hsv(0.62, 0.15, 0.2), hsv(0.62, 0.15, 0.12), white], // black and white
    [hsv(0.1, 0.2, 0.92), hsv(0.07, 0.4, 0.6), hsv(0.1, 0.12, 0.96)], // cream
  ])
  const fur: Fur = { base, stripe, bib, iris }
  return random.chance(0.55) ? sitting(brush, fur) : walking(brush, fur)
}

function sitting(brush: Brush, fur: Fur): Part[] {
  const curl = brush.random.between(0.1, 0.45)
  const tail = union(stroke(0.4, 0.85, 0.82, 0.62, 0.12), stroke(0.82, 0.62, 0.86, curl - 0.25, 0.12, 0.1))
  const body = melt(0.3, ellipse(0.05, 0.52, 0.5, 0.46), ellipse(0, 0.05, 0.34, 0.4))
  const legs = union(stroke(-0.17, 0.35, -0.19, 0.9, 0.12), stroke(0.15, 0.35, 0.15, 0.9, 0.12))
  const coat = striped(brush, fur, 0.21)
  const chest = patched(
    coat,
    grainy(brush, fur.bib, { fine: 12 }),
    (x, y) => Math.hypot(x / 0.2, (y - 0.18) / 0.3) < 1,
  )
  const paws = patched(coat, grainy(brush, fur.bib, { fine: 12 }), (_, y) => y > 0.82)
  return [
    { shape: tail, paint: rounded(brush, tail, coat, { depth: 0.1 }) },
    { shape: body, paint: rounded(brush, body, chest, { depth: 0.3 }) },
    { shape: legs, paint: rounded(brush, legs, paws, { depth: 0.1 }) },
    ...head(brush, fur, -0.02, -0.48, 0.43),
  ]
}

function walking(brush: Brush, fur: Fur): Part[] {
  const stride = brush.random.between(0.05, 0.25)
  const tail = union(stroke(-0.72, 0.05, -1.02, -0.25, 0.1), stroke(-1.02, -0.25, -0.9, -0.72, 0.1, 0.08))
  const legs = (shift: number): Shape =>
    union(stroke(-0.55, 0.3, -0.62 + shift, 0.9, 0.16, 0.1), stroke(0.4, 0.3, 0.42 - shift, 0.9, 0.14, 0.1))
  const body = melt(0.2, stroke(-0.5, 0.14, 0.35, 0.12, 0.34, 0.3), ellipse(0.5, -0.02, 0.28))
  const coat = striped(brush, fur, 0.23)
  const belly = patched(coat, grainy(brush, fur.bib, { fine: 12 }), (_, y) => y > 0.36)
  const socks = patched(coat, grainy(brush, fur.bib, { fine: 12 }), (_, y) => y > 0.82)
  const back = legs(-stride)
  const front = legs(stride)
  return [
    { shape: tail, paint: rounded(brush, tail, coat, { depth: 0.1 }) },
    { shape: back, paint: (x, y) => scaled(coat(x, y), 0.55) },
    { shape: body, paint: rounded(brush, body, belly, { depth: 0.25 }) },
    { shape: front, paint: rounded(brush, front, socks, { depth: 0.1 }) },
    ...head(brush, fur, 0.66, -0.32, 0.38),
  ]
}

function head(brush: Brush, fur: Fur, cx: number, cy: number, r: number): Part[] {
  const place = (x: number, y: number): readonly [number, number] => [cx + r * x, cy + r * y]
  const ear = (side: number, size: number): Shape =>
    polygon(
      place(side * 0.95, -0.35),
      place(side * (0.62 + 0.2 * size), -0.75 - 0.62 * size),
      place(side * 0.12, -0.8),
    )
  const ears = union(ear(-1, 1), ear(1, 1))
  const inside = union(
    ...[-1, 1].map(side =>
      polygon(place(side * 0.78, -0.6), place(side * 0.72, -1.12), place(side * 0.4, -0.82)),
    ),
  )
  const face = ellipse(cx, cy, r * 1.04, r * 0.9)
  const coat = striped(brush, fur, r * 0.44)
  const marked = patched(
    coat,
    grainy(brush, fur.stripe),
    (x, y) => y < cy - r * 0.3 && toLine(x - cx, r * 0.36) < 0.2,
  )
  const muzzle = patched(
    marked,
    grainy(brush, fur.bib, { fine: 12, strength: 0.1 }),
    (x, y) => Math.hypot((x - cx) / 0.48, (y - cy - r * 0.45) / 0.36) < r,
  )
  const eyes = union(...[-1, 1].map(side => ellipse(cx + side * r * 0.43, cy - r * 0.08, r * 0.2, r * 0.17)))
  const pupils = union(
    ...[-1, 1].map(side => ellipse(cx + side * r * 0.43, cy - r * 0.08, r * 0.07, r * 0.15)),
  )
  return [
    { shape: ears, paint: rounded(brush, ears, coat, { depth: 0.1 }) },
    { shape: inside, paint: () => [0.85, 0.55, 0.52] },
    { shape: face, paint: rounded(brush, face, muzzle, { depth: 0.15 }) },
    { shape: eyes, paint: () => fur.iris },
    { shape: pupils, paint: () => [0.02, 0.02, 0.02] },
    {
      shape: polygon(place(-0.14, 0.25), place(0.14, 0.25), place(0, 0.42)),
      paint: () => [0.75, 0.35, 0.38],
    },
  ]
}

function striped(brush: Brush, fur: Fur, period: number): Part['paint'] {
  const base = grainy(brush, fur.base, { fine: 13, strength: 0.3 })
  const dark = grainy(brush, fur.stripe, { fine: 13, strength: 0.3 })
  return patched(
    base,
    dark,
    (x, y) => toLine(x + 0.35 * y + 0.3 * (brush.noise(x * 3, y * 3 + 70) - 0.5), period) < 0.17,
  )
}
