/** @file The possible readings of the masks of a data set, from a sample of them. Decides nothing. */
import { VOC_PALETTE } from '../io/indexed-png.ts'
import { IGNORE } from '../io/label-values.ts'
import { sample as someNames } from './listing.ts'
import { groundOf, haveOwnPalettes, heldKeys, keyed, keysOf, nameOf, upsideDown } from './mask-keys.ts'
import type { MaskPixels } from './mask-pixels.ts'
import type { MaskReading } from './sample.ts'

/** A mask of the sample. */
export interface MaskSample {
  readonly id: string
  readonly tags: readonly number[]
  readonly pixels: Pick<MaskPixels, 'coloured' | 'depth' | 'palette'>
  /** Its codes, and the colours of those. */
  readonly codes: ReadonlySet<number>
  readonly colours: ReadonlyMap<number, number>
  /** Share of the edges of the mask that each code has there. */
  readonly edges: ReadonlyMap<number, number>
  /** Share of 255 inside of areas, not on borders; only where the mask holds little else. */
  readonly solid: number | undefined
}

/** `reading` undefined: numbers are labels; `labels` counts the background; `words` describe an unusual reading; `isLast`: used when no other is evident. */
export interface Candidate {
  readonly reading: MaskReading | undefined
  readonly labels: number
  readonly words: string | undefined
  readonly isLast?: boolean
}

interface Context {
  readonly classes: readonly string[]
  readonly ids: ReadonlyMap<number, number> | undefined
}

const VOC_COLOURS: readonly number[] = VOC_PALETTE.map(([r, g, b]) => (r << 16) | (g << 8) | b)
const VOID_COLOUR = VOC_COLOURS[IGNORE]!
const GREY = 0x010101
const WHITE = 0xffffff
const DEEP = 257 // 8 bits scaled to 16
const SOLID = 0.1 // share of 255 that lies inside; of the borders in VOC's masks none does
const SEEN_TWICE = 2

/** In order of preference when several agree equally with the tags. */
export function readings(samples: readonly MaskSample[], context: Context): Candidate[] {
  const labels = context.classes.length + 1
  const colours = vocColours(samples, context)
  const given = (candidate: Omit<Candidate, 'labels'> | undefined): Candidate[] =>
    candidate === undefined ? [] : [{ labels, ...candidate }]
  const keys = [oneNumber(samples, context), byTags(samples, context)].flatMap(given)
  const own = haveOwnPalettes(samples)
  const plain = { reading: undefined, words: doubts(samples, labels), isLast: true }
  return [
    ...(hasOtherOrder(samples, labels) ? given(colours) : []),
    ...(own ? [...keys, ...given(greyLevels(samples, labels))] : given(plain)),
    ...given(byIds(samples, context)),
    ...given(colours),
    ...given(scaled(samples, labels)),
    ...given(greyOfColours(samples, context)),
    ...given(labelsAndWhite(samples, context)),
    ...(own ? given(nothingKnown(samples)) : keys),
  ]
}

type Unlabelled = Omit<Candidate, 'labels'> | undefined

/** Whether the palettes have VOC's colours, but not at VOC's indices. */
function hasOtherOrder(samples: readonly MaskSample[], labels: number): boolean {
  let moved = false
  for (const { colours, pixels } of samples)
    for (const [code, colour] of colours) {
      if (pixels.palette === undefined) return false
      const label = VOC_COLOURS.indexOf(colour)
      if (label < 0 || (label >= labels && label !== IGNORE)) return false
      moved ||= label !== code
    }
  return moved
}

function vocColours(samples: readonly MaskSample[], { classes }: Context): Unlabelled {
  const indexed = samples.some(({ pixels }) => pixels.palette !== undefined)
  const labels = new Map<number, number[]>([[VOID_COLOUR, [IGNORE]]])
  for (let label = 0; label <= classes.length; label++) labels.set(VOC_COLOURS[label]!, [label])
  return {
    reading: { by: 'colour', labels, rule: 'the colours are those of VOC' },
    words: indexed
      ? 'the palettes of the masks have the colours of VOC in another order: the colours are read, not the indices'
      : 'the masks have the colours of VOC: each is read as its label',
  }
}

function byIds(samples: readonly MaskSample[], { ids }: Context): Unlabelled {
  if (ids === undefined) return undefined
  const labels = new Map([...ids].map(([id, label]) => [id, [label]]))
  labels.set(0, [0]).set(IGNORE, [IGNORE])
  const held = heldKeys(samples, 'number').filter(key => key !== IGNORE)
  return {
    reading: { by: 'number', labels, rule: 'the numbers are category ids' },
    words: `the masks are numbered by category ids (${someNames(held.map(String))}): they are read so, 0 as background`,
  }
}

function scaled(samples: readonly MaskSample[], labels: number): Unlabelled {
  if (!samples.some(({ pixels }) => pixels.depth === 16)) return undefined
  const numbers = Array.from({ length: labels }, (_, label) => [label * DEEP, [label]] as const)
  return {
    reading: {
      by: 'number',
      labels: new Map([...numbers, [IGNORE * DEEP, [IGNORE]]]),
      rule: `the numbers are ${DEEP} times the label`,
    },
    words: `the masks have 16 bits, their numbers are multiples of ${DEEP}: they are divided by it`,
  }
}

/** VOC's colours converted to grey, as by a library that reads one channel; some classes then share a number. */
function greyOfColours(samples: readonly MaskSample[], { classes }: Context): Unlabelled {
  if (samples.some(({ pixels }) => pixels.palette !== undefined)) return undefined
  const labels = new Map<number, number[]>([[IGNORE, [IGNORE]]])
  for (let label = 0; label <= classes.length; label++) {
    const grey = luminance(VOC_COLOURS[label]!)
    labels.set(grey, [...(labels.get(grey) ?? []), label])
  }
  const border = luminance(VOID_COLOUR)
  if (!labels.has(border)) labels.set(border, [IGNORE])
  const held = heldKeys(samples, 'number')
    .map(key => ({ key, label: labels.get(key)?.[0] ?? IGNORE }))
    .filter(({ label }) => label !== IGNORE)
  return {
    reading: { by: 'number', labels, rule: 'the numbers are the grey of the colours of VOC' },
    words: `the masks hold the grey of the colours of VOC (${someNames(held.map(({ key, label }) => `${key} for ${classes[label - 1]}`))}): they are read so`,
  }
}

/** Pillow's convert('L'), in 16-bit fixed point. */
function luminance(colour: number): number {
  return (19595 * (colour >> 16) + 38470 * ((colour >> 8) & 255) + 7471 * (colour & 255) + 0x8000) >> 16
}

/** One number or colour besides the background, which is no label: the class tagged to the image. */
function oneNumber(samples: readonly MaskSample[], { classes }: Context): Unlabelled {
  const by = keyed(samples)
  const ground = groundOf(samples, by)
  const isLabel = (key: number): boolean => by === 'number' && key !== IGNORE && key <= classes.length
  if (ground !== 0 && isLabel(ground)) return undefined
  const held = heldKeys(samples, by, ground)
  const [key, ...others] =
    held.length === 2 && by === 'number' ? held.filter(other => other !== IGNORE) : held
  if (key === undefined || others.length > 0 || (key > 1 && isLabel(key))) return undefined
  const marked = samples.filter(sample => keysOf(sample, by).has(key))
  if (2 * marked.filter(sample => keysOf(sample, by).has(ground)).length < marked.length) return undefined
  const solid = by === 'number' && ground === 0 ? marked.flatMap(sample => sample.solid ?? []) : []
  if (solid.length > 0 && isSolid(solid) !== (key === IGNORE)) return undefined
  const labels = new Map([
    [IGNORE, [IGNORE]],
    [ground, [0]],
    [key, classes.map((_, k) => k + 1)],
  ])
  const name = nameOf(key, by)
  const around = ground === 0 && by === 'colour' ? 'black' : nameOf(ground, by)
  const meaning = meaningOf(classes)
  const inverted = upsideDown(samples, by, key)
  const doubt =
    ground !== 0
      ? `, ${around} as the background, for it fills the edges of the masks: invert them if that is wrong`
      : inverted.length > 0
        ? `; it fills the edges of some masks, as if they were inverted: ${someNames(inverted)}`
        : ''
  return {
    reading: { by, labels, rule: `${name} is ${meaning}` },
    words: `the masks hold only ${held.length === 2 ? '0, 255' : around} and ${name}: ${name} is read as ${meaning}${doubt}`,
  }
}

function meaningOf(classes: readonly string[]): string {
  return classes.length === 1 ? `"${classes[0]}"` : 'the class that the image is tagged with'
}

function isSolid(shares: readonly number[]): boolean {
  return shares.reduce((sum, share) => sum + share, 0) >= SOLID * shares.length
}

/** Masks with no number but 255, in areas, among others that hold labels. */
function whiteOnes(samples: readonly MaskSample[]): MaskSample[] {
  const white = samples.filter(
    ({ codes, solid }) => solid !== undefined && solid >= SOLID && codes.size === 2 && codes.has(0),
  )
  return samples.some(({ codes }) => [...codes].some(code => code !== 0 && code !== IGNORE)) ? white : []
}

function labelsAndWhite(samples: readonly MaskSample[], { classes }: Context): Unlabelled {
  const white = whiteOnes(samples)
  const isWhite = new Set(white)
  if (white.length === 0 || samples.some(sample => sample.codes.has(IGNORE) && !isWhite.has(sample)))
    return undefined
  const labels = new Map([0, ...classes.map((_, k) => k + 1)].map(label => [label, [label]]))
  labels.set(
    IGNORE,
    [...classes.keys()].map(k => k + 1),
  )
  const rule = `255 is ${meaningOf(classes)}`
  return {
    reading: { by: 'number', labels, rule },
    words: `some masks hold only 0 and 255, others labels: ${rule} in ${someNames(white.map(({ id }) => id))}`,
  }
}

/** Grey palettes that differ between files. */
function greyLevels(samples: readonly MaskSample[], labels: number): Unlabelled {
  const known = new Map([[WHITE, [IGNORE]]])
  for (let label = 0; label < labels; label++) known.set(label * GREY, [label])
  if (heldKeys(samples, 'colour').some(key => !known.has(key))) return undefined
  return {
    reading: { by: 'colour', labels: known, rule: 'the grey of the palette is the label' },
    words: 'each mask has a palette of its own: its greys are read as labels, not the indices',
  }
}

/** Differing palettes without tags to explain them are refused. */
function nothingKnown(samples: readonly MaskSample[]): Omit<Candidate, 'labels'> {
  const rule = 'the indices are those of palettes of their own, and no tags say what their colours stand for'
  return {
    reading: {
      by: 'colour',
      labels: new Map([[groundOf(samples, 'colour'), [0]]]),
      rule: `${rule}: save them as 8-bit grey, the number of its class for each pixel`,
    },
    words: undefined,
    isLast: true,
  }
}

/** A doubt about masks read as labels. */
function doubts(samples: readonly MaskSample[], labels: number): string | undefined {
  const ground = groundOf(samples, 'number')
  const held = heldKeys(samples, 'number')
  if (held.length === 1 && held[0] === ground && ground < labels)
    return `${ground} fills the edges of the masks, as a background does: invert them if 0 is the object`
  if (ground === IGNORE && samples.every(({ codes }) => !codes.has(0)))
    return 'the masks hold no 0: 255 around the objects is ignored; write 0 where it is background'
  const white = whiteOnes(samples).filter(({ tags }) => tags.length > 0)
  return white.length === 0
    ? undefined
    : `some masks hold only 0 and 255, others labels: 255 is ignored; write the label of the class in ${someNames(white.map(({ id }) => id))}`
}

/** Each number or colour is in exactly the masks of the images of one class. */
function byTags(samples: readonly MaskSample[], { classes }: Context): Unlabelled {
  const by = keyed(samples)
  const border = by === 'number' ? IGNORE : VOID_COLOUR
  const ground = groundOf(samples, by)
  const patternOf = (has: (sample: MaskSample) => boolean) => samples.map(s => (has(s) ? '1' : '0')).join('')
  const tagged = classes
    .map((name, k) => ({ name, label: k + 1, pattern: patternOf(({ tags }) => tags.includes(k)) }))
    .filter(({ pattern }) => pattern.includes('1'))
  const held = heldKeys(samples, by, ground).map(key => ({
    key,
    pattern: patternOf(s => keysOf(s, by).has(key)),
  }))
  const pairs = held.flatMap(({ key, pattern }) => {
    const fitting = tagged.filter(other => other.pattern === pattern)
    return fitting.length === 1 ? [{ key, ...fitting[0]! }] : []
  })
  const rest = held.filter(({ key }) => !pairs.some(pair => pair.key === key))
  const certain =
    tagged.length > 1 &&
    pairs.length === tagged.length &&
    new Set(pairs.map(({ label }) => label)).size === pairs.length &&
    pairs.every(({ pattern }) => pattern.split('1').length > SEEN_TWICE) &&
    rest.every(({ key }) => key === border)
  if (!certain) return undefined
  const labels = new Map(pairs.map(({ key, label }) => [key, [label]]))
  labels.set(ground, [0])
  if (!labels.has(border)) labels.set(border, [IGNORE])
  const meanings = pairs.map(({ key, name }) => `${nameOf(key, by)} is "${name}"`)
  const rule = `each ${by} lies in the images of one class`
  return {
    reading: { by, labels, rule },
    words: `the ${by}s of the masks are read by the tags of their images: ${someNames(meanings, 10)}`,
  }
}
