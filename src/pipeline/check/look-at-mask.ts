/** @file One ground-truth mask: whether it can be read, fits its image, holds labels of classes, and agrees with the tags. */
import { type DrawnMask, drawMask } from '../../data/coco-mask.ts'
import type { Sample } from '../../data/dataset.ts'
import { sample as some } from '../../data/listing.ts'
import { colourOf, distinctCodes, type MaskPixels, readMaskPixels } from '../../data/mask-pixels.ts'
import type { Fault } from '../../data/problems.ts'
import { labelOf } from '../../data/truth.ts'
import { codeOf, InputError } from '../../errors.ts'
import { INDEXED } from '../../io/indexed-png.ts'
import { IGNORE } from '../../io/label-values.ts'
import { isUndecoded, type SeenImage } from './look-at-image.ts'
import type { ProblemList } from './problem-list.ts'

interface MaskContext {
  readonly classes: readonly string[]
  /** Undefined: the image cannot be read. */
  readonly seen: SeenImage | undefined
  readonly problems: ProblemList
}

/** Whether the mask can be scored. */
export async function lookAtMask(
  sample: Sample & { readonly mask: string },
  context: MaskContext,
): Promise<boolean> {
  const { mask: file, drawn } = sample
  if (drawn !== undefined) return lookAtRegions({ ...sample, drawn }, context)
  const { classes, seen, problems } = context
  let pixels: MaskPixels
  try {
    pixels = await readMaskPixels(file)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    if (codeOf(error.cause) !== 'ENOENT') problems.add('unreadable-mask', steady(error)) // an absent one is named by the reader of the list
    return false
  }
  const fits = seen === undefined || fitsImage(pixels, seen)
  if (!fits)
    problems.add('mask-size', {
      file,
      problem: `is ${pixels.width} x ${pixels.height}, its image ${seen.width} x ${seen.height}`,
      expected: 'make it again for this image; resize it without smoothing (nearest neighbour)',
    })
  const { held, strange } = labelsOf(pixels, sample, classes)
  if (strange !== '')
    problems.add('mask-labels', {
      file,
      problem: `holds ${strange}`,
      expected: expectedLabels(pixels, sample, classes),
    })
  else tellOfTags(sample, { file, held, classes, problems })
  return fits && strange === ''
}

function steady(error: InputError): Fault {
  const { file, expected } = error
  return isUndecoded(error) ? { file, problem: 'cannot be decoded', expected } : error
}

/** A mask that is drawn from the regions of a JSON. Crowds show their class, whatever is drawn of them. */
async function lookAtRegions(
  { drawn, ...sample }: Sample & { readonly mask: string; readonly drawn: DrawnMask },
  { classes, seen, problems }: MaskContext,
): Promise<boolean> {
  if (seen === undefined) return false // its size is needed
  let faults = 0
  const counted: ProblemList = {
    ...problems,
    fault(...fault) {
      faults++
      problems.fault(...fault)
    },
  }
  try {
    await drawMask(sample.mask, drawn, { image: sample.image, problems: counted })
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    problems.add(error.file === sample.image ? 'mask-size' : 'unreadable-mask', error)
    return false
  }
  const held = new Set(drawn.regions.map(({ label }) => label - 1))
  if (faults === 0) tellOfTags(sample, { file: sample.image, held, classes, problems })
  return faults === 0
}

/** As readTruth: a mask may be stored without the EXIF rotation of its image. */
function fitsImage({ width, height }: MaskPixels, { orientation, stored, ...size }: SeenImage): boolean {
  if (width === size.width && height === size.height) return true
  return orientation > 1 && width === stored.width && height === stored.height
}

/** Classes in the mask, and in words the numbers or colours that are none: "9, 17, which name no class". */
function labelsOf(
  pixels: MaskPixels,
  { maskReading: reading, tags }: Sample,
  classes: readonly string[],
): { held: Set<number>; strange: string } {
  const byColour = reading?.by === 'colour'
  const held = new Set<number>()
  if (pixels.coloured && !byColour)
    return { held, strange: 'colours, and nothing says which classes they stand for' }
  const none: string[] = []
  const several: string[] = []
  for (const code of distinctCodes(pixels.codes)) {
    const key = byColour ? colourOf(pixels, code) : code
    const label = labelOf(reading, key, tags)
    if (label === 0 || label === IGNORE) continue
    const name = byColour ? `#${key.toString(16).padStart(6, '0')}` : String(key)
    if (Number.isNaN(label)) several.push(name)
    else if (label !== undefined && label <= classes.length) held.add(label - 1)
    else none.push(name)
  }
  const words = [
    ...(none.length === 0
      ? []
      : [`${some(none, 5)}, which ${none.length === 1 ? 'names' : 'name'} no class`]),
    ...(several.length === 0
      ? []
      : [`${some(several, 5)}, which may be several classes, and the tags do not say which`]),
  ]
  return { held, strange: words.join('; ') }
}

function expectedLabels(
  { coloured }: MaskPixels,
  { maskReading }: Sample,
  classes: readonly string[],
): string {
  if (maskReading !== undefined) return `in these masks ${maskReading.rule}`
  if (coloured) return INDEXED
  return `labels are 0 (background), 1 to ${classes.length} (${some(classes)}) and 255 (ignored)`
}

function tellOfTags(
  { tags }: Sample,
  {
    file,
    held,
    classes,
    problems,
  }: { file: string; held: ReadonlySet<number>; classes: readonly string[]; problems: ProblemList },
): void {
  if (tags.length === 0) return // it is named as untagged
  const name = (k: number): string => classes[k]!
  const untagged = [...held].filter(k => !tags.includes(k)).map(name)
  const absent = tags.filter(k => !held.has(k)).map(name)
  const words = [
    ...(untagged.length === 0 ? [] : [`shows ${some(untagged)}, not tagged`]),
    ...(absent.length === 0
      ? []
      : [`lacks ${some(absent)}, which ${absent.length === 1 ? 'is' : 'are'} tagged`]),
  ]
  if (words.length > 0)
    problems.add('mask-tags', {
      file,
      problem: words.join('; '),
      expected: 'correct the tags or the mask',
    })
}
