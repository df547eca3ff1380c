/** @file COCO's run lengths of a mask: column by column, zeros first; counts as numbers or as pycocotools' short text. Imports errors only. */
import { InputError } from '../errors.ts'

/** Lengths of alternating runs of a mask [height, width], read column by column; the first is of zeros and may be 0. */
export interface RunLengths {
  readonly width: number
  readonly height: number
  readonly counts: Uint32Array
}

/** A mask's size. */
interface Size {
  readonly width: number
  readonly height: number
}

/** The runs of one value of a mask or label map [height, width], row by row: by default of 1. */
export function encodeRuns(
  { width, height, data }: Size & { readonly data: ArrayLike<number> },
  { value = 1 }: { readonly value?: number } = {},
): RunLengths {
  const counts: number[] = []
  let inside = false
  let run = 0
  for (let x = 0; x < width; x++)
    for (let at = x; at < width * height; at += width) {
      if ((data[at] === value) !== inside) {
        counts.push(run)
        inside = !inside
        run = 0
      }
      run++
    }
  counts.push(run)
  return { width, height, counts: Uint32Array.from(counts) }
}

/** The pixels [height, width] of 0 and 1, row by row. */
export function decodeRuns(runs: RunLengths): Uint8Array {
  const data = new Uint8Array(runs.width * runs.height)
  paintRuns(runs, { data, value: 1 })
  return data
}

/** Sets the pixels of the mask in a map of its size to `value`, the others stay. */
export function paintRuns(
  { width, height, counts }: RunLengths,
  { data, value }: { readonly data: Uint8Array; readonly value: number },
): void {
  let at = 0 // column by column
  for (const [i, count] of counts.entries()) {
    if (i % 2 === 1)
      for (let next = at; next < at + count; next++)
        data[(next % height) * width + Math.floor(next / height)] = value
    at += count
  }
}

/** Number of pixels of the mask. */
export function runArea({ counts }: Pick<RunLengths, 'counts'>): number {
  return counts.reduce((sum, count, i) => (i % 2 === 1 ? sum + count : sum), 0)
}

/** Counts as pycocotools writes them (rleToString in maskApi.c): differences from the run before the last, five bits a letter. */
export function packCounts(counts: ArrayLike<number>): string {
  let text = ''
  for (let i = 0; i < counts.length; i++) {
    let rest = counts[i]! - (i > 2 ? counts[i - 2]! : 0)
    for (let more = true; more; ) {
      const bits = rest & 0x1f
      rest >>= 5
      more = (bits & 0x10) !== 0 ? rest !== -1 : rest !== 0
      text += String.fromCharCode(48 + bits + (more ? 0x20 : 0))
    }
  }
  return text
}

/** The opposite of `packCounts` (rleFrString). Undefined for a text that it cannot have written. */
export function unpackCounts(text: string): number[] | undefined {
  const counts: number[] = []
  for (let at = 0; at < text.length; ) {
    let value = 0
    let shift = 0
    for (let more = true; more; shift += 5) {
      const bits = text.charCodeAt(at++) - 48
      if (!(bits >= 0 && bits < 64) || shift > 30) return undefined // also past the end
      value |= (bits & 0x1f) << shift
      more = (bits & 0x20) !== 0
      if (!more && (bits & 0x10) !== 0 && shift < 27) value |= -1 << (shift + 5)
    }
    counts.push(counts.length > 2 ? value + counts[counts.length - 2]! : value)
  }
  return counts
}

/**
 * The runs of `{size: [height, width], counts: [...] or "..."}`. Throws InputError where that is not its form, the size is
 * not that of the image, or the counts do not add up to it, before anything of that size is allocated.
 */
export function readRuns(
  value: unknown,
  { width, height, file, field }: Size & { readonly file: string; readonly field: string },
): RunLengths {
  const refuse = (problem: string, expected = FORM): InputError =>
    new InputError(file, problem, { field, expected })
  const { size, counts: written } = (value ?? {}) as { readonly size?: unknown; readonly counts?: unknown }
  if (!Array.isArray(size) || size.length !== 2 || !size.every(Number.isFinite))
    throw refuse('has run lengths without their size')
  if (size[0] !== height || size[1] !== width)
    throw refuse(
      `has run lengths of ${size[1]} x ${size[0]}, and the image has ${width} x ${height}`,
      'size is [height, width] of the image',
    )
  const counts = typeof written === 'string' ? unpackCounts(written) : written
  if (!Array.isArray(counts)) throw refuse('has run lengths that are no counts')
  let sum = 0
  for (const count of counts) {
    if (!Number.isSafeInteger(count) || count < 0) throw refuse('has run lengths that are no counts')
    sum += count
  }
  if (sum !== width * height)
    throw refuse(
      `has run lengths of ${sum} pixels, and the image has ${width * height}`,
      'the counts add up to height x width',
    )
  return { width, height, counts: Uint32Array.from(counts) }
}

const FORM =
  '{"size": [height, width], "counts": [zeros, ones, zeros, ...]}, or the counts as pycocotools writes them'
