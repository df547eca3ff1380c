/** @file The six kinds of the demo and where each of them is found. */
import type { Part } from './canvas.ts'
import type { Ground } from './ground.ts'
import { ball } from './objects/ball.ts'
import { bird } from './objects/bird.ts'
import { boat } from './objects/boat.ts'
import { cat } from './objects/cat.ts'
import { house } from './objects/house.ts'
import type { Brush } from './objects/surface.ts'
import { tree } from './objects/tree.ts'

/** A kind of object: its parts; its area in its own square units; `foot`, the y where it touches the ground;
 * the grounds it is found on, or over if it flies; how far it may lean, in radians. */
export interface Kind {
  readonly name: string
  readonly parts: (brush: Brush) => Part[]
  readonly area: number
  readonly foot: number
  readonly grounds: readonly Ground[]
  readonly flies: boolean
  readonly lean: number
}

const LAND: readonly Ground[] = ['grass', 'sand', 'snow', 'stone']
const SOIL: readonly Ground[] = ['grass', 'sand', 'snow']

/** Boats are on water only and birds in the sky only, so that grounds tempt a classifier as they do in photos. */
export const KINDS: readonly Kind[] = [
  { name: 'ball', parts: ball, area: 3.14, foot: 1, grounds: [...LAND, 'water'], flies: false, lean: 0 },
  { name: 'bird', parts: bird, area: 1.25, foot: 0.6, grounds: [...LAND, 'water'], flies: true, lean: 0.35 },
  { name: 'boat', parts: boat, area: 1.7, foot: 0.9, grounds: ['water'], flies: false, lean: 0.1 },
  { name: 'cat', parts: cat, area: 1.75, foot: 1, grounds: LAND, flies: false, lean: 0.08 },
  { name: 'house', parts: house, area: 2.7, foot: 0.95, grounds: LAND, flies: false, lean: 0.02 },
  { name: 'tree', parts: tree, area: 1.9, foot: 1, grounds: SOIL, flies: false, lean: 0.06 },
]

/** The kinds' names; the kind at index k is label k + 1 in the masks. */
export const DEMO_CLASSES: readonly string[] = KINDS.map(({ name }) => name)
