/** @file A leafy tree or a conifer. The crown is telling, and close to grass in colour; the trunk is thin. */
import type { Part } from '../canvas.ts'
import { ellipse, polygon, type Shape, stroke, union } from '../shape.ts'
import { blend, type Colour, hsv, octaves, scaled } from '../texture.ts'
import { type Brush, grainy, patched, toLine } from './surface.ts'

/** Parts of a tree, back to front; it stands on y = 1. */
export function tree(brush: Brush): Part[] {
  return brush.random.chance(0.6) ? leafy(brush) : conifer(brush)
}

function leafy(brush: Brush): Part[] {
  const { random, noise } = brush
  const leaf = random.pick([
    hsv(0.27, 0.72, 0.5),
    hsv(0.33, 0.65, 0.4),
    hsv(0.22, 0.7, 0.58),
    hsv(0.09, 0.8, 0.75),
    hsv(0.03, 0.75, 0.65),
  ])
  const fruit = random.chance(0.35) ? hsv(random.pick([0.99, 0.1, 0.14]), 0.9, 0.9) : undefined
  const blobs = Array.from({ length: 6 }, (_, i) => {
    const turn = (i / 6) * 2 * Math.PI + random.between(-0.3, 0.3)
    const radius = random.between(0.34, 0.5)
    return { x: 0.48 * Math.cos(turn), y: -0.38 + 0.36 * Math.sin(turn), radius }
  })
  const smooth = union(ellipse(0, -0.35, 0.5), ...blobs.map(({ x, y, radius }) => ellipse(x, y, radius)))
  const crown: Shape = (x, y) => smooth(x, y) + 0.16 * (octaves(noise, x * 7, y * 7, 2) - 0.4)
  const paint = (x: number, y: number): Colour => {
    // Each clump of leaves is lit from above on its own.
    let nearest = blobs[0]!
    for (const blob of blobs)
      if (Math.hypot(x - blob.x, y - blob.y) < Math.hypot(x - nearest.x, y - nearest.y)) nearest = blob
    const lit = 0.9 + 0.45 * ((x - nearest.x) * brush.light[0] + (y - nearest.y) * brush.light[1])
    const spots = noise(x * 16 + 7, y * 16)
    if (fruit !== undefined && noise(x * 6 + 50, y * 6 + 9) > 0.86) return scaled(fruit, lit)
    return scaled(leaf, lit * (0.45 + 0.85 * spots))
  }
  return [trunk(brush, random.between(-0.12, 0.12), 0.15), { shape: crown, paint }]
}

function conifer(brush: Brush): Part[] {
  const { random, noise } = brush
  const green = random.pick([hsv(0.38, 0.6, 0.36), hsv(0.33, 0.65, 0.33), hsv(0.45, 0.45, 0.4)])
  const snow = random.chance(0.25) ? 0.85 : 0
  const wide = random.between(0.6, 0.82)
  const tiers = [0, 1, 2, 3].map(i => {
    const bottom = -0.42 + 0.38 * i
    const half = wide * (0.46 + 0.18 * i)
    return polygon(
      [0, bottom - 0.68],
      [half, bottom],
      [half * 0.4, bottom - 0.06],
      [-half * 0.4, bottom - 0.06],
      [-half, bottom],
    )
  })
  const smooth = union(...tiers)
  const crown: Shape = (x, y) => smooth(x, y) + 0.1 * (noise(x * 12, y * 6) - 0.5)
  const paint = (x: number, y: number): Colour => {
    const tier = (y + 1.1) / 0.38
    const hang = tier - Math.floor(tier) // dark under each tier
    const needles = noise(x * 26, y * 9)
    const colour = scaled(
      green,
      (0.55 + 0.75 * needles) * (1.15 - 0.5 * hang) * (1 + 0.25 * x * brush.light[0]),
    )
    return snow > 0 && hang > 0.55 && needles > 0.35 ? blend(colour, [0.93, 0.96, 1], snow) : colour
  }
  return [trunk(brush, 0, 0.11), { shape: crown, paint }]
}

function trunk(brush: Brush, lean: number, width: number): Part {
  const bark = hsv(brush.random.between(0.05, 0.09), 0.5, brush.random.between(0.3, 0.5))
  const shape = union(
    stroke(lean, -0.3, 0, 0.98, width * 0.8, width),
    polygon([-width, 0.8], [width, 0.8], [width * 1.9, 1.06], [-width * 1.9, 1.06]),
  )
  const rough = patched(
    grainy(brush, bark, { fine: 14, strength: 0.5 }),
    grainy(brush, scaled(bark, 0.6)),
    (x, y) => toLine(x + 0.03 * Math.sin(9 * y), 0.085) < 0.16,
  )
  return { shape, paint: (x, y) => scaled(rough(x, y), 0.95 + (1.6 * x * brush.light[0]) / 1) }
}
