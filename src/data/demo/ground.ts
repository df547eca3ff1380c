/** @file The grounds: sky above a horizon, below it grass, sand, water, snow or paving, in perspective. */
import type { Canvas } from './canvas.ts'
import type { DemoRandom } from './random.ts'
import { blend, type Colour, clamp, hsv, type Noise, octaves, ramp, scaled } from './texture.ts'

/** The ground below the horizon. */
export type Ground = 'grass' | 'sand' | 'water' | 'snow' | 'stone'

/** A colour at (x, depth): both in ground units, depth growing away from the eye; `near` is 1 at the lower edge. */
type GroundPaint = (x: number, depth: number, near: number) => Colour

interface Sky {
  readonly top: Colour
  readonly low: Colour
  readonly cloud: Colour
  readonly cover: number
}

/** Paints sky and ground. `horizon` is a share of the height from the top; 0 or less shows no sky. */
export function paintGround(
  canvas: Canvas,
  { random, noise, ground, horizon }: { random: DemoRandom; noise: Noise; ground: Ground; horizon: number },
): void {
  const { size, rgb } = canvas
  const sky = pickSky(random)
  const below = GROUNDS[ground](random, noise, sky)
  const hills = random.chance(ground === 'water' ? 0.4 : 0.6) ? pickHills(random, noise, ground) : undefined
  const [ox, oy] = [random.between(0, 60), random.between(0, 60)]
  const stretch = random.between(0.35, 0.6)
  const put = (at: number, colour: Colour) => {
    for (let c = 0; c < 3; c++) rgb[at + c] = colour[c]!
  }
  for (let py = 0; py < size; py++) {
    const y = (py + 0.5) / size
    for (let px = 0; px < size; px++) {
      const x = (px + 0.5) / size
      const at = (py * size + px) * 3
      if (y >= horizon) {
        const near = (y - horizon) / (1 - Math.min(horizon, 0.95))
        const away = horizon <= 0 ? 1 : 1 / (0.55 + near) // mild perspective: three times as far at the horizon
        const haze = horizon <= 0 ? 0 : 0.45 * (1 - ramp(0, 0.3, near))
        const depth = horizon <= 0 ? -y : 1.1 * away
        put(at, blend(below(ox + (x - 0.5) * away, oy + depth, near), sky.low, haze))
        continue
      }
      const ridge = hills === undefined ? horizon : horizon - hills.height(x)
      if (y >= ridge && hills !== undefined) {
        put(at, blend(scaled(hills.colour, 0.8 + 0.4 * octaves(noise, x * 14 + ox, y * 20, 3)), sky.low, 0.4))
        continue
      }
      const clear = blend(sky.top, sky.low, (y / Math.max(horizon, 0.3)) ** 1.3)
      const puff = octaves(noise, ox + x * 3.2, oy + (y * 3.2) / stretch, 4)
      const body = ramp(1 - sky.cover, 1.25 - sky.cover, puff)
      const shade = 0.82 + 0.25 * octaves(noise, ox + x * 6, oy + y * 9 + 3, 3)
      put(at, blend(clear, scaled(sky.cloud, shade), body * 0.9))
    }
  }
}

function pickSky(random: DemoRandom): Sky {
  const white: Colour = [1, 1, 1]
  const [top, low, cloud] = random.pick<readonly [Colour, Colour, Colour]>([
    [hsv(0.6, 0.62, 0.8), hsv(0.56, 0.25, 0.95), white],
    [hsv(0.58, 0.5, 0.88), hsv(0.55, 0.12, 0.97), white],
    [hsv(0.6, 0.18, 0.72), hsv(0.6, 0.06, 0.88), [0.92, 0.93, 0.95]],
    [hsv(0.66, 0.4, 0.6), hsv(0.07, 0.45, 0.98), hsv(0.98, 0.25, 0.95)],
    [hsv(0.58, 0.7, 0.68), hsv(0.12, 0.2, 0.95), [1, 0.97, 0.9]],
  ])
  return { top, low, cloud, cover: random.between(0.3, 0.62) }
}

function pickHills(
  random: DemoRandom,
  noise: Noise,
  ground: Ground,
): { colour: Colour; height: (x: number) => number } {
  const colours: readonly Colour[] =
    ground === 'snow'
      ? [hsv(0.6, 0.12, 0.85), hsv(0.6, 0.2, 0.6)]
      : [hsv(0.36, 0.4, 0.42), hsv(0.58, 0.3, 0.55), hsv(0.1, 0.35, 0.55)]
  const [offset, tall, wide] = [random.between(0, 60), random.between(0.05, 0.22), random.between(1.5, 4)]
  return { colour: random.pick(colours), height: x => tall * octaves(noise, offset + x * wide, 11, 4) ** 1.2 }
}

const GROUNDS: Record<Ground, (random: DemoRandom, noise: Noise, sky: Sky) => GroundPaint> = {
  grass(random, noise) {
    const lush = hsv(random.between(0.22, 0.33), random.between(0.5, 0.75), random.between(0.42, 0.6))
    const dry = hsv(random.between(0.13, 0.2), 0.5, 0.62)
    const dryness = random.between(0, 0.6)
    const flower = random.chance(0.3)
      ? hsv(random.pick([0.15, 0.92, 0.7, 0]), random.between(0, 0.7), 0.98)
      : undefined
    return (x, depth, near) => {
      const patch = octaves(noise, x * 5, depth * 5, 3)
      const blade = noise(x * 60, depth * 26) * 0.6 + noise(x * 110, depth * 50 + 9) * 0.4
      if (flower !== undefined && noise(x * 34 + 5, depth * 34) > 0.93) return flower
      return scaled(blend(lush, dry, patch * 2 * dryness), 0.5 + 0.75 * blade + 0.1 * near)
    }
  },
  sand(random, noise) {
    const colour = hsv(random.between(0.08, 0.12), random.between(0.25, 0.45), random.between(0.78, 0.92))
    const [ripples, slant] = [random.between(0, 0.14), random.between(-0.5, 0.5)]
    return (x, depth) => {
      const dunes = octaves(noise, x * 4, depth * 4, 3)
      const ripple = Math.sin(70 * (depth + slant * x) + 9 * dunes)
      const grain = noise(x * 90, depth * 90)
      return scaled(colour, 0.72 + 0.28 * dunes + ripples * ripple + 0.22 * grain)
    }
  },
  water(random, noise, sky) {
    const deep = hsv(random.between(0.48, 0.62), random.between(0.45, 0.75), random.between(0.3, 0.6))
    const chop = random.between(0.5, 1)
    return (x, depth, near) => {
      const swell = octaves(noise, x * 6, depth * 16, 3)
      const crest = 1 - Math.abs(2 * octaves(noise, x * 9 + 20, depth * 34, 2) - 1)
      const reflected = blend(deep, sky.low, 0.5 - 0.4 * near + 0.5 * (swell - 0.5))
      const glint = ramp(0.9, 1, crest) * 0.45 * chop
      return blend(scaled(reflected, 0.7 + 0.5 * swell * chop), [1, 1, 1], glint)
    }
  },
  snow(random, noise) {
    const shade = hsv(0.6, random.between(0.1, 0.25), random.between(0.72, 0.85))
    return (x, depth) => {
      const drift = octaves(noise, x * 3, depth * 6, 3)
      const sparkle = noise(x * 120, depth * 120) > 0.9 ? 0.08 : 0
      return scaled(blend(shade, [0.97, 0.98, 1], ramp(0.25, 0.7, drift)), 0.96 + sparkle)
    }
  },
  stone(random, noise) {
    const colour = hsv(random.between(0.02, 0.13), random.between(0.05, 0.3), random.between(0.5, 0.75))
    const [across, along] = [random.between(0.14, 0.24), random.between(0.12, 0.2)]
    return (x, depth) => {
      const row = Math.floor(depth / along)
      const shifted = x / across + (row % 2) * 0.5
      const joint = Math.min(
        Math.abs(shifted - Math.round(shifted)) * across,
        Math.abs(depth / along - Math.round(depth / along)) * along,
      )
      const slab = noise(Math.floor(shifted) * 4.7, row * 3.3)
      const rough = octaves(noise, x * 40, depth * 40, 2)
      return scaled(
        colour,
        (0.72 + 0.35 * slab) * (0.75 + 0.45 * rough) * (0.55 + 0.45 * clamp(joint / 0.012)),
      )
    }
  },
}
