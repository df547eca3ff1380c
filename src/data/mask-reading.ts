/** @file How the masks of a data set are read: a sample of them is tried, and the reading that agrees with the tags is used for all. */
import { InputError } from '../errors.ts'
import { IGNORE } from '../io/label-values.ts'
import { readOrientation } from '../io/orientation.ts'
import { sample as someNames } from './listing.ts'
import { type Candidate, type MaskSample, readings } from './mask-candidates.ts'
import { colourOf, countCodes, type MaskPixels, readMaskPixels } from './mask-pixels.ts'
import { edgeShares, solidShare } from './mask-shape.ts'
import type { Dataset, Sample } from './sample.ts'
import { labelOf } from './truth.ts'

const TRIED = 64 // masks to try, spread over the split
const FIRST = 8 // masks that are read whatever their size
const MOST_MARKED = 3 // numbers of a mask in which 255 may be a class
const MOST_PIXELS = 2 ** 26 // of all that are read

/**
 * The data set with the reading of its masks, and a warning that names it unless numbers are labels. `ids`: label of each
 * number that masks may hold instead, as COCO's category ids.
 */
export async function withMaskReading(
  dataset: Dataset,
  { ids }: { ids?: ReadonlyMap<number, number> } = {},
): Promise<Dataset> {
  const { classes, warnings } = dataset
  const { looked, rotated, upright } = await lookAt(dataset.samples)
  if (looked.length === 0) return dataset
  const { reading, words } = choose(looked, readings(looked, { classes, ids }))
  const maskRotated = rotated.length > upright
  if (reading === undefined && words === undefined && !maskRotated) return dataset
  const samples = dataset.samples.map(sample => ({
    ...sample,
    ...(reading === undefined ? {} : { maskReading: reading }),
    ...(maskRotated ? { maskRotated } : {}),
  }))
  const said = [
    ...(words === undefined ? [] : [words]),
    ...(maskRotated
      ? [
          `the masks are stored without the EXIF rotation of their images; it is applied: ${someNames(rotated)}`,
        ]
      : []),
  ]
  return { ...dataset, samples, warnings: [...warnings, ...said] }
}

/** Unreadable masks are skipped; they are named when their labels are read. */
async function lookAt(
  samples: readonly Sample[],
): Promise<{ looked: MaskSample[]; rotated: string[]; upright: number }> {
  const masked = samples.filter(({ mask, drawn }) => mask !== undefined && drawn === undefined)
  const count = Math.min(TRIED, masked.length)
  const looked: MaskSample[] = []
  const rotated: string[] = []
  let [upright, seen] = [0, 0]
  for (let i = 0; i < count; i++) {
    if (i >= FIRST && seen > MOST_PIXELS) break
    const { id, image, mask, tags } = masked[Math.floor((i * masked.length) / count)]!
    let pixels: MaskPixels
    try {
      pixels = await readMaskPixels(mask!)
    } catch (error) {
      if (error instanceof InputError) continue
      throw error
    }
    seen += pixels.codes.length
    looked.push(sampleOf(pixels, { id, tags }))
    const { width, height } = pixels
    const stored = width === height ? undefined : await readOrientation(image)
    if (stored === undefined || stored.orientation < 5) continue
    if (stored.width === width && stored.height === height) rotated.push(id)
    else upright++
  }
  return { looked, rotated, upright }
}

function sampleOf(pixels: MaskPixels, { id, tags }: Pick<Sample, 'id' | 'tags'>): MaskSample {
  const { coloured, depth, palette, codes } = pixels
  const counts = [...countCodes(codes).keys()]
  const marked = !coloured && counts.length <= MOST_MARKED && counts.includes(IGNORE)
  return {
    id,
    tags,
    pixels: { coloured, depth, palette },
    codes: new Set(counts),
    colours: new Map(counts.map(code => [code, colourOf(pixels, code)])),
    edges: edgeShares(pixels),
    solid: marked ? solidShare(pixels, IGNORE) : undefined,
  }
}

/** The candidate that agrees best with the tags, the first of equals. One with more unlabelled numbers than tags found is out. */
function choose(samples: readonly MaskSample[], candidates: readonly Candidate[]): Candidate {
  const scored = candidates.map(candidate => {
    const each = samples.map(sample => compare(sample, candidate))
    const total = (of: (one: Agreement) => number): number => each.reduce((sum, one) => sum + of(one), 0)
    return {
      candidate,
      score: total(({ hits, others, unknown, missed }) => hits - others - unknown - missed),
      evident: total(({ hits }) => hits) >= total(({ unknown }) => unknown),
    }
  })
  const usable = scored.filter(({ candidate, evident }) => evident || candidate.isLast === true)
  return usable.reduce((best, other) => (other.score > best.score ? other : best)).candidate
}

/** Counts in a mask: tags found, labels that are no tag, numbers without a label, tags not found. */
type Agreement = Record<'hits' | 'others' | 'unknown' | 'missed', number>

function compare({ tags, codes, colours, pixels }: MaskSample, { reading, labels }: Candidate): Agreement {
  const found = new Set<number>()
  let unknown = 0
  for (const code of codes) {
    const key = reading?.by === 'colour' ? colours.get(code)! : code
    const label = pixels.coloured && reading?.by !== 'colour' ? undefined : labelOf(reading, key, tags)
    if (label === 0 || label === IGNORE) continue
    if (label === undefined || !(label < labels)) unknown++
    else found.add(label - 1)
  }
  const hits = tags.filter(tag => found.has(tag)).length
  const others = tags.length === 0 ? 0 : found.size - hits // an image without tags may show anything
  return { hits, others, unknown, missed: tags.length - hits }
}
