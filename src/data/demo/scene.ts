/** @file One image: a layout painted from back to front, then photographed. */
import { type Canvas, countLabels, createCanvas, paintParts, paintShadow } from './canvas.ts'
import { type Ground, paintGround } from './ground.ts'
import { KINDS } from './kinds.ts'
import { type Placed, planLayout, type SceneLayout } from './layout.ts'
import type { DemoRandom } from './random.ts'
import { clamp, createNoise, type Noise } from './texture.ts'

/** A painted image and the 0-based classes that are visible in it. */
export interface Scene {
  readonly canvas: Canvas
  readonly classes: readonly number[]
}

const LEAST_VISIBLE = 0.03 // of the image, for each kind that is tagged
const MOST_COVERED = 0.6 // of the image, by all objects together
const TRIES = 20

/** Paints an image of size x size pixels; draws again while a kind is hidden or the image is too full. */
export function paintScene(random: DemoRandom, size: number): Scene {
  for (let left = TRIES; ; left--) {
    const layout = planLayout(random, size)
    const canvas = paintLayout(random, size, layout)
    const pixels = countLabels(canvas, KINDS.length + 1).map(count => count / (size * size))
    const planned = KINDS.flatMap((kind, k) => (layout.kinds.includes(kind) ? [k] : []))
    const balanced = planned.every(k => pixels[k + 1]! >= LEAST_VISIBLE) && 1 - pixels[0]! <= MOST_COVERED
    if (balanced || left === 1) return { canvas, classes: planned.filter(k => pixels[k + 1]! > 0) }
  }
}

function paintLayout(random: DemoRandom, size: number, { ground, horizon, objects }: SceneLayout): Canvas {
  const canvas = createCanvas(size)
  const noise = createNoise(random)
  const angle = random.between(-2.6, -0.5)
  const light = [Math.cos(angle), Math.sin(angle)] as const // from above
  paintGround(canvas, { random, noise, ground, horizon })
  for (const object of objects) paintObject(canvas, object, ground, { random, noise, light })
  develop(canvas, random, light)
  return canvas
}

function paintObject(
  canvas: Canvas,
  { kind, pose }: Placed,
  ground: Ground,
  { random, noise, light }: { random: DemoRandom; noise: Noise; light: readonly [number, number] },
): void {
  const side = pose.flipped ? -1 : 1
  const parts = kind.parts({ random, noise, light: [side * light[0], light[1]] })
  if (!kind.flies) {
    const { unit } = pose
    const shift = ground === 'water' ? 0 : -light[0] * 0.35 * unit // water reflects straight down
    const y = pose.y + kind.foot * unit
    const strength = ground === 'water' ? 0.45 : random.between(0.4, 0.65)
    paintShadow(canvas, {
      x: pose.x + shift,
      y,
      rx: 1.15 * unit,
      ry: (ground === 'water' ? 0.3 : 0.24) * unit,
      strength,
    })
  }
  paintParts(canvas, parts, pose, KINDS.indexOf(kind) + 1)
}

/** The camera: uneven light, exposure, a tint, and grain. */
function develop({ size, rgb }: Canvas, random: DemoRandom, light: readonly [number, number]): void {
  const exposure = random.between(0.85, 1.12)
  const fall = random.between(0.02, 0.14)
  const tint = [random.between(0.95, 1.06), 1, random.between(0.94, 1.06)]
  const grain = random.between(0.005, 0.03)
  for (let py = 0; py < size; py++) {
    for (let px = 0; px < size; px++) {
      const lit = exposure * (1 + fall * 2 * ((px / size - 0.5) * light[0] + (py / size - 0.5) * light[1]))
      const at = (py * size + px) * 3
      const speck = grain * random.between(-1, 1)
      for (let c = 0; c < 3; c++) rgb[at + c] = clamp(rgb[at + c]! * lit * tint[c]! + speck)
    }
  }
}
