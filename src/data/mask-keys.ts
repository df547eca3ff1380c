/** @file The numbers or colours that the masks of a data set hold, and which of them is the background. */
import { IGNORE } from '../io/label-values.ts'
import type { MaskSample } from './mask-candidates.ts'
import type { MaskReading } from './sample.ts'

const FILLED = 0.75 // share of the edges, over all masks, that a background has and objects have not
const AGREEING = 0.9 // share of masks whose indices agree with the tags, above which indices are labels whatever the palettes

/** Colours if a mask has them, or if palette indices are no labels; else numbers. */
export function keyed(samples: readonly MaskSample[]): MaskReading['by'] {
  const coloured = samples.some(({ pixels }) => pixels.coloured)
  return coloured || differ(samples) || haveOwnPalettes(samples) ? 'colour' : 'number'
}

export function keysOf({ codes, colours }: MaskSample, by: MaskReading['by']): Set<number> {
  return new Set(by === 'number' ? codes : colours.values())
}

/** Numbers or colours of the masks without the background, ascending. */
export function heldKeys(samples: readonly MaskSample[], by: MaskReading['by'], ground = 0): number[] {
  const keys = new Set(samples.flatMap(sample => [...keysOf(sample, by)]))
  return [...keys].filter(key => key !== ground).sort((a, b) => a - b)
}

export function nameOf(key: number, by: MaskReading['by']): string {
  return by === 'number' ? String(key) : `#${key.toString(16).padStart(6, '0')}`
}

/** The number or colour that fills the edges of the masks (half of the edges when none has 0 or black), else 0. */
export function groundOf(samples: readonly MaskSample[], by: MaskReading['by']): number {
  const mixed = samples.filter(sample => keysOf(sample, by).size > 1)
  const shares = new Map<number, number>()
  for (const sample of mixed)
    for (const key of keysOf(sample, by))
      shares.set(key, (shares.get(key) ?? 0) + edgeShare(sample, by, key) / mixed.length)
  const [first] = [...shares].sort(([, a], [, b]) => b - a)
  const needed = shares.has(0) ? FILLED : 0.5
  return first !== undefined && first[1] >= needed ? first[0] : 0
}

/** Masks in which a number or colour fills the edges around something else. */
export function upsideDown(samples: readonly MaskSample[], by: MaskReading['by'], key: number): string[] {
  return samples
    .filter(sample => keysOf(sample, by).size > 1 && edgeShare(sample, by, key) >= FILLED)
    .map(({ id }) => id)
}

/**
 * Whether the indices of palettes are no labels, as an image library that makes palettes by itself writes them: black, not
 * at 0, has more of the edges than 0; or an index has several colours and the indices are not the tags of the images.
 */
export function haveOwnPalettes(samples: readonly MaskSample[]): boolean {
  const indexed = samples.filter(({ pixels }) => pixels.palette !== undefined)
  const moved = indexed.filter(({ colours }) => colours.get(0) !== 0 && [...colours.values()].includes(0))
  const excess = moved.map(sample => edgeShare(sample, 'colour', 0) - edgeShare(sample, 'number', 0))
  if (moved.length > 0 && excess.reduce((sum, one) => sum + one, 0) >= 0) return true
  const tagged = indexed.filter(({ tags }) => tags.length > 0)
  const agreeing = tagged.filter(({ codes, tags }) => {
    const found = [...codes].filter(code => code !== 0 && code !== IGNORE)
    return found.length === tags.length && found.every(code => tags.includes(code - 1))
  })
  return differ(indexed) && agreeing.length < AGREEING * tagged.length
}

/** Whether an index has another colour in another mask. */
function differ(samples: readonly MaskSample[]): boolean {
  const palette = new Map<number, number>()
  for (const { pixels, colours } of samples)
    for (const [code, colour] of pixels.palette === undefined ? [] : colours) {
      if ((palette.get(code) ?? colour) !== colour) return true
      palette.set(code, colour)
    }
  return false
}

function edgeShare({ edges, colours }: MaskSample, by: MaskReading['by'], key: number): number {
  let sum = 0
  for (const [code, share] of edges) if ((by === 'number' ? code : colours.get(code)) === key) sum += share
  return sum
}
