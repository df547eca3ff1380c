/** @file An image being painted, and its mask: parts are laid over each other from back to front. */
import type { Shape } from './shape.ts'
import { type Colour, clamp } from './texture.ts'

/** Colours [size, size, 3] in 0..1 and labels [size, size]; both row-major. */
export interface Canvas {
  readonly size: number
  readonly rgb: Float32Array
  readonly labels: Uint8Array
}

/** Colour of a part's surface at a point of the object's own space. */
export type Paint = (x: number, y: number) => Colour

/** A shape and its paint, in the object's own space: x right, y down, mostly within -1..1. */
export interface Part {
  readonly shape: Shape
  readonly paint: Paint
}

/** How an object's space is laid on the image: `unit` pixels per unit around (x, y), rotated by `angle`. */
export interface Pose {
  readonly x: number
  readonly y: number
  readonly unit: number
  readonly angle: number
  readonly flipped: boolean
}

/** Reach of an object around its origin, in its own units; nothing is painted beyond. */
export const REACH = 1.25

/** An all-black canvas of the background label. */
export function createCanvas(size: number): Canvas {
  return { size, rgb: new Float32Array(size * size * 3), labels: new Uint8Array(size * size) }
}

/** Lays the parts over the image with smooth edges and marks the pixels they cover with `label`. */
export function paintParts(canvas: Canvas, parts: readonly Part[], pose: Pose, label: number): void {
  const { size, rgb, labels } = canvas
  const cos = Math.cos(pose.angle) / pose.unit
  const sin = Math.sin(pose.angle) / pose.unit
  const reach = REACH * Math.SQRT2 * pose.unit
  const x0 = Math.max(0, Math.floor(pose.x - reach))
  const x1 = Math.min(size, Math.ceil(pose.x + reach))
  const y0 = Math.max(0, Math.floor(pose.y - reach))
  const y1 = Math.min(size, Math.ceil(pose.y + reach))
  const side = pose.flipped ? -1 : 1
  for (let py = y0; py < y1; py++) {
    for (let px = x0; px < x1; px++) {
      const dx = px + 0.5 - pose.x
      const dy = py + 0.5 - pose.y
      const x = side * (dx * cos + dy * sin)
      const y = dy * cos - dx * sin
      if (Math.abs(x) > REACH || Math.abs(y) > REACH) continue
      let bare = 1 // share of the pixel that no part covers
      for (const { shape, paint } of parts) {
        const cover = clamp(0.5 - shape(x, y) * pose.unit)
        if (cover === 0) continue
        lay(rgb, (py * size + px) * 3, paint(x, y), cover)
        bare *= 1 - cover
      }
      if (bare < 0.5) labels[py * size + px] = label
    }
  }
}

/** Darkens an ellipse softly: the shadow of something standing there. The mask stays as it is. */
export function paintShadow(
  { size, rgb }: Canvas,
  { x, y, rx, ry, strength }: { x: number; y: number; rx: number; ry: number; strength: number },
): void {
  for (let py = Math.max(0, Math.floor(y - ry)); py < Math.min(size, y + ry); py++) {
    for (let px = Math.max(0, Math.floor(x - rx)); px < Math.min(size, x + rx); px++) {
      const depth = clamp(1.25 - 1.25 * Math.hypot((px + 0.5 - x) / rx, (py + 0.5 - y) / ry))
      lay(rgb, (py * size + px) * 3, [0.02, 0.03, 0.08], depth * strength)
    }
  }
}

/** Pixels of each label, background first. */
export function countLabels({ labels }: Canvas, count: number): number[] {
  const pixels = new Array<number>(count).fill(0)
  for (const label of labels) pixels[label] = pixels[label]! + 1
  return pixels
}

function lay(rgb: Float32Array, at: number, colour: Colour, cover: number): void {
  for (let c = 0; c < 3; c++) rgb[at + c] = rgb[at + c]! * (1 - cover) + colour[c]! * cover
}
