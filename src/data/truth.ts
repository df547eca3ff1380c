/** @file The ground-truth mask of an image, in the labels of its data set. */
import { InputError } from '../errors.ts'
import { INDEXED, type LabelMap } from '../io/indexed-png.ts'
import { IGNORE } from '../io/label-values.ts'
import { readOrientation, rotateUpright } from '../io/orientation.ts'
import { drawMask } from './coco-mask.ts'
import { colourOf, type MaskPixels, readMaskPixels } from './mask-pixels.ts'
import type { Sample } from './sample.ts'

/** `rotated`: stored without the image's EXIF rotation, which was applied. */
export interface Truth extends LabelMap {
  readonly rotated: boolean
}

/** Size of the image after its EXIF rotation. */
interface Size {
  readonly width: number
  readonly height: number
}

/**
 * Class indices: 0 background, k + 1 class k, 255 ignored. A mask whose sides are swapped against `size` is rotated by
 * the image's EXIF orientation. Throws InputError on an unreadable file, or a number or colour of no class.
 */
export async function readTruth(
  { image, mask, drawn, tags, maskReading, maskRotated = false }: Omit<Sample, 'id'>,
  size?: Size,
): Promise<Truth> {
  if (mask === undefined) throw new InputError(image, 'has no mask')
  const labels =
    drawn === undefined
      ? await readLabels(mask, { reading: maskReading, tags })
      : await drawMask(mask, drawn, { image })
  const { width, height } = labels
  const swapped = size !== undefined && width !== height && width === size.height && height === size.width
  if (!maskRotated && !swapped) return { ...labels, rotated: false }
  const stored = await readOrientation(image)
  const lies = stored !== undefined && stored.width === width && stored.height === height
  if (!lies || stored.orientation === 1) return { ...labels, rotated: false }
  return { ...rotateUpright(labels, stored.orientation), rotated: true }
}

async function readLabels(
  mask: string,
  { reading, tags }: { reading: Sample['maskReading']; tags: readonly number[] },
): Promise<LabelMap> {
  const pixels = await readMaskPixels(mask)
  const { width, height } = pixels
  return { width, height, data: toLabels(pixels, { reading, tags, file: mask }) }
}

/** Label of a number or colour for an image of these tags; undefined for none, NaN where the tags leave several. */
export function labelOf(
  reading: Sample['maskReading'],
  key: number,
  tags: readonly number[],
): number | undefined {
  if (reading === undefined) return key <= IGNORE ? key : undefined
  const labels = reading.labels.get(key) ?? []
  if (labels.length < 2) return labels[0]
  const fitting = labels.filter(label => tags.includes(label - 1))
  return fitting.length === 1 ? fitting[0] : Number.NaN
}

function toLabels(
  pixels: MaskPixels,
  { reading, tags, file }: { reading: Sample['maskReading']; tags: readonly number[]; file: string },
): Uint8Array {
  const { codes, coloured } = pixels
  if (reading === undefined && codes instanceof Uint8Array) return codes
  if (coloured && reading?.by !== 'colour')
    throw new InputError(file, 'has colours, and nothing says which classes they stand for', {
      expected: `${INDEXED}; the colours of VOC are read, too`,
    })
  const known = new Map<number, number>()
  const data = new Uint8Array(codes.length)
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!
    let label = i > 0 && code === codes[i - 1] ? data[i - 1] : known.get(code)
    if (label === undefined) {
      const key = reading?.by === 'colour' ? colourOf(pixels, code) : code
      label = certain(labelOf(reading, key, tags), key, { reading, file })
      known.set(code, label)
    }
    data[i] = label
  }
  return data
}

/** Throws InputError where there is no label, or more than one. */
function certain(
  label: number | undefined,
  key: number,
  { reading, file }: { reading: Sample['maskReading']; file: string },
): number {
  if (label !== undefined && !Number.isNaN(label)) return label
  const name =
    reading?.by === 'colour' ? `the colour #${key.toString(16).padStart(6, '0')}` : `the number ${key}`
  const expected = reading === undefined ? INDEXED : `in these masks ${reading.rule}`
  if (label === undefined) throw new InputError(file, `holds ${name}, which names no class`, { expected })
  throw new InputError(
    file,
    `holds ${name}, which may be several classes, and the tags of its image do not say which`,
    { expected },
  )
}
