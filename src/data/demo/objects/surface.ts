/** @file Paints that several kinds share, and the light that falls on them. */
import type { Paint } from '../canvas.ts'
import type { DemoRandom } from '../random.ts'
import type { Shape } from '../shape.ts'
import { type Colour, clamp, type Noise, octaves, scaled } from '../texture.ts'

/** Inputs of an object: the image's random stream, its noise, and the direction to the light (a unit vector). */
export interface Brush {
  readonly random: DemoRandom
  readonly noise: Noise
  readonly light: readonly [number, number]
}

/** One colour with a grain of the given fineness (periods per unit) and strength. */
export function grainy({ noise }: Brush, colour: Colour, { fine = 8, strength = 0.25 } = {}): Paint {
  return (x, y) => scaled(colour, 1 + strength * (2 * octaves(noise, x * fine + 31, y * fine + 31, 2) - 1))
}

/** A rounded body: lit towards the light, dark towards its outline. `depth` is how far the edge reaches in. */
export function rounded({ light }: Brush, shape: Shape, paint: Paint, { depth = 0.25 } = {}): Paint {
  return (x, y) => {
    const inner = clamp(-shape(x, y) / depth)
    const lit = 0.28 * (x * light[0] + y * light[1])
    return scaled(paint(x, y), 0.66 + 0.38 * inner + lit)
  }
}

/** A paint that is `other` wherever `where` says so. */
export function patched(paint: Paint, other: Paint, where: (x: number, y: number) => boolean): Paint {
  return (x, y) => (where(x, y) ? other(x, y) : paint(x, y))
}

/** Distance of `value` to the nearest multiple of `period`, as a share of it: 0 on a line, 0.5 between two. */
export function toLine(value: number, period: number): number {
  const t = value / period
  return Math.abs(t - Math.round(t))
}
