/** @file A ball: beach ball, football or basketball, shaded as a sphere and turned any way. */
import type { Part } from '../canvas.ts'
import { ellipse } from '../shape.ts'
import { type Colour, hsv, scaled } from '../texture.ts'
import { type Brush, grainy, toLine } from './surface.ts'

type Vector = readonly [number, number, number]

const GOLD = (1 + Math.sqrt(5)) / 2
/** Corners of an icosahedron: the middles of a football's dark patches. */
const CORNERS: readonly Vector[] = [-1, 1].flatMap(a =>
  [-GOLD, GOLD].flatMap((b): Vector[] => [
    [0, a, b],
    [a, b, 0],
    [b, 0, a],
  ]),
)

/** A ball's one part: a disc of radius 1. */
export function ball(brush: Brush): Part[] {
  const { random, light } = brush
  const skin = random.pick([beachBall, football, basketball])(brush)
  const turn = randomTurn(brush)
  const grain = grainy(brush, [1, 1, 1], { fine: 9, strength: 0.08 })
  const paint = (x: number, y: number): Colour => {
    const z = Math.sqrt(Math.max(0, 1 - x * x - y * y))
    const lit = Math.max(0, 0.62 * (x * light[0] + y * light[1]) + 0.62 * z)
    const shine = Math.max(0, lit - 0.78) ** 2 * 9
    const [r, g, b] = scaled(skin(turn([x, y, z])), (0.38 + 0.72 * lit) * grain(x, y)[0])
    return [r + shine, g + shine, b + shine]
  }
  return [{ shape: ellipse(0, 0, 1), paint }]
}

function beachBall({ random }: Brush): (point: Vector) => Colour {
  const first = random.between(0, 1)
  const panels = random.pick([6, 8])
  const colours = [0, 1, 2].map(i => hsv(first + i * 0.36, 0.85, 0.95))
  return ([x, y, z]) => {
    if (Math.abs(y) > 0.95) return [0.97, 0.97, 0.95]
    const panel = Math.floor((Math.atan2(z, x) / (2 * Math.PI) + 0.5) * panels) % panels
    return panel % 2 === 0 ? [0.97, 0.97, 0.95] : colours[((panel - 1) / 2) % 3]!
  }
}

function football({ random }: Brush): (point: Vector) => Colour {
  const dark = random.pick<Colour>([[0.08, 0.08, 0.1], hsv(0.62, 0.85, 0.45), hsv(0.99, 0.85, 0.65)])
  return point => {
    const near = CORNERS.map(corner => dot(point, corner) / Math.hypot(1, GOLD)).sort((a, b) => b - a)
    if (near[0]! > 0.925) return dark
    return near[0]! - near[1]! < 0.03 ? [0.55, 0.55, 0.55] : [0.96, 0.96, 0.94]
  }
}

function basketball({ random }: Brush): (point: Vector) => Colour {
  const colour = random.pick([hsv(0.06, 0.85, 0.85), hsv(0.21, 0.75, 0.9), hsv(0.93, 0.7, 0.9)])
  return ([x, y, z]) => {
    const line = Math.min(Math.abs(x), Math.abs(y), toLine(Math.hypot(x - 0.0, z * 0.9) - 0.55, 2) * 2)
    return line < 0.05 ? [0.1, 0.07, 0.05] : colour
  }
}

function randomTurn({ random }: Brush): (v: Vector) => Vector {
  const [a, b] = [random.between(0, 2 * Math.PI), random.between(0, 2 * Math.PI)]
  const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)]
  return ([x, y, z]) => {
    const u = x * ca - y * sa
    const v = x * sa + y * ca
    return [u, v * cb - z * sb, v * sb + z * cb]
  }
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}
