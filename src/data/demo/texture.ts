/** @file Colours and multi-octave noise, the stuff that grounds and objects are painted with. */
import type { DemoRandom } from './random.ts'

/** Red, green, blue in 0..1. */
export type Colour = readonly [number, number, number]

/** A smooth random function of the plane, values in 0..1, features about 1 unit wide. */
export type Noise = (x: number, y: number) => number

const TILE = 64

/** Value noise: random values on the integer grid (repeating every 64), smoothly joined. */
export function createNoise(random: DemoRandom): Noise {
  const values = Float32Array.from({ length: TILE * TILE }, () => random.between(0, 1))
  return (x, y) => {
    const x0 = Math.floor(x)
    const y0 = Math.floor(y)
    const u = smooth(x - x0)
    const v = smooth(y - y0)
    const left = x0 & (TILE - 1)
    const right = (x0 + 1) & (TILE - 1)
    const top = (y0 & (TILE - 1)) * TILE
    const bottom = ((y0 + 1) & (TILE - 1)) * TILE
    const above = values[top + left]! * (1 - u) + values[top + right]! * u
    const below = values[bottom + left]! * (1 - u) + values[bottom + right]! * u
    return above * (1 - v) + below * v
  }
}

/** Noise of several octaves, each twice as fine and half as strong; values in 0..1. */
export function octaves(noise: Noise, x: number, y: number, count: number): number {
  let sum = 0
  let weight = 0.5
  let total = 0
  let scale = 1
  for (let i = 0; i < count; i++) {
    sum += weight * noise(x * scale + 17.3 * i, y * scale + 5.1 * i)
    total += weight
    weight /= 2
    scale *= 2
  }
  return sum / total
}

/** Hue in turns (wraps), saturation and value in 0..1. */
export function hsv(hue: number, saturation: number, value: number): Colour {
  const channel = (n: number) => {
    const k = (n + hue * 6 + 600) % 6
    return value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)))
  }
  return [channel(5), channel(3), channel(1)]
}

/** `a` at 0, `b` at 1; t is clamped. */
export function blend(a: Colour, b: Colour, t: number): Colour {
  const w = clamp(t)
  return [a[0] + (b[0] - a[0]) * w, a[1] + (b[1] - a[1]) * w, a[2] + (b[2] - a[2]) * w]
}

/** Brighter (above 1) or darker. */
export function scaled(colour: Colour, factor: number): Colour {
  return [colour[0] * factor, colour[1] * factor, colour[2] * factor]
}

/** `value` held within 0..1. */
export function clamp(value: number): number {
  return Math.min(Math.max(value, 0), 1)
}

/** 0 below `low`, 1 above `high`, smooth between. */
export function ramp(low: number, high: number, value: number): number {
  return smooth(clamp((value - low) / (high - low)))
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t)
}
