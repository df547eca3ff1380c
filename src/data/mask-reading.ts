/** @file How the masks of a data set are read: a sample of them is tried, and the reading that agrees with the tags is used for all. */
import { InputError } from '../errors.ts'
import { IGNORE } from '../io/label-values.ts'
import { readOrientation } from '../io/orientation.ts'
import { sample as someNames } from './listing.ts'
import { type Candidate, type MaskSample, readings } from './mask-candidates.ts'
import { legendReading, legendWords, type MaskLegend } from './mask-legend.ts'
import { colourOf, countCodes, type MaskPixels, readMaskPixels } from './mask-pixels.ts'
import { edgeShares, solidShare } from './mask-shape.ts'
import type { Dataset, Sample } from './sample.ts'
import { labelOf } from './truth.ts'

const TRIED = 64 // masks to try, spread over the split
const FIRST = 8 // masks that are read whatever their size
const MOST_MARKED = 3 // numbers of a mask in which 255 may be a class
const MOST_PIXELS = 2 ** 26 // of all that are read

export interface MaskReadingOptions {
  /** Label of each number that masks may hold instead, as COCO's category ids. */
  readonly ids?: ReadonlyMap<number, number>
  /** A file that says what the colours or numbers stand for: it decides where it knows those of most masks. */
  readonly legend?: MaskLegend | undefined
  /** Add a note about masks that show other classes than the tags. */
  readonly comparesTags?: boolean
}

/** The data set with the reading of its masks, and a warning that names it unless numbers are labels. */
export async function withMaskReading(
  dataset: Dataset,
  { ids, legend, comparesTags = false }: MaskReadingOptions = {},
): Promise<Dataset> {
  const { classes, warnings } = dataset
  const { looked, rotated, upright } = await lookAt(dataset.samples)
  if (looked.length === 0) return dataset
  const told = legend === undefined ? undefined : byLegend(looked, legend, classes)
  const { reading, words } = told ?? choose(looked, readings(looked, { classes, ids }))
  const maskRotated = rotated.length > upright
  const notes = comparesTags ? otherTags(looked, { reading, labels: classes.length + 1, words }) : []
  const noted = { ...dataset, ...(notes.length > 0 && { notes: [...(dataset.notes ?? []), ...notes] }) }
  const unused = legend !== undefined && told === undefined
  const doubled = legend === undefined ? [] : legendReading(legend, classes).doubled
  if (reading === undefined && words === undefined && !maskRotated && !unused && doubled.length === 0)
    return noted
  const samples = dataset.samples.map(sample => ({
    ...sample,
    ...(reading === undefined ? {} : { maskReading: reading }),
    ...(maskRotated ? { maskRotated } : {}),
  }))
  const said = [
    ...(words === undefined ? [] : [words]),
    ...(doubled.length === 0
      ? []
      : [
          `${legend!.path}: names one colour or number twice, of which the first class is used: ${someNames(doubled, 5)}`,
        ]),
    ...(unused
      ? [`${legend.path}: names other colours or numbers than the masks hold, and is not used`]
      : []),
    ...(maskRotated
      ? [
          `the masks are stored without the EXIF rotation of their images; it is applied: ${someNames(rotated)}`,
        ]
      : []),
  ]
  return { ...noted, samples, warnings: [...warnings, ...said] }
}

/** Undefined where most masks hold something that the legend does not name. */
function byLegend(
  samples: readonly MaskSample[],
  legend: MaskLegend,
  classes: readonly string[],
): Pick<Candidate, 'reading' | 'words'> | undefined {
  const { reading, unknown } = legendReading(legend, classes)
  const isKnown = ({ pixels, codes, colours }: MaskSample): boolean =>
    reading.by === 'colour'
      ? [...colours.values()].every(key => reading.labels.has(key))
      : !pixels.coloured && [...codes].every(key => reading.labels.has(key))
  const fitting = samples.filter(isKnown)
  return 2 * fitting.length < samples.length
    ? undefined
    : { reading, words: legendWords(legend, reading, unknown) }
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

/** One note about masks that show other classes than the tags of their images; none when there are none. */
function otherTags(samples: readonly MaskSample[], candidate: Candidate): string[] {
  const tagged = samples.filter(({ tags }) => tags.length > 0)
  const other = tagged.filter(sample => {
    const { others, missed, unknown } = compare(sample, candidate)
    return others + missed + unknown > 0
  })
  return other.length === 0
    ? []
    : [
        `of ${tagged.length} masks that were looked at ${other.length} show other classes than the tags: ${someNames(other.map(({ id }) => id))}`,
      ]
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
