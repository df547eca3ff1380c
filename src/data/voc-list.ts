/** @file The lines of ImageSets/Segmentation/SPLIT.txt: ids, file names, or an image and its mask; names may hold blanks and dots. */
import { basename, join, parse } from 'node:path'
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { nearestName } from '../nearest-name.ts'
import { imageId } from './image-listing.ts'
import type { ImageNames } from './image-names.ts'
import { imageStem, isFile, leadsOutside, preferJpeg } from './image-path.ts'
import { listFolder, readText, sample } from './listing.ts'
import type { Problems } from './problems.ts'
import { splitSpellings } from './split-names.ts'

export const SPLITS = join('ImageSets', 'Segmentation')
export const IMAGES = 'JPEGImages'

/** The files of JPEGImages/, and the way to find them by name. */
export interface VocImages {
  readonly files: readonly string[]
  readonly names: ImageNames
  readonly problems: Problems
}

/** One image of a list. `mask` is the path in the line, below the root; it need not exist. */
export interface Entry {
  readonly id: string
  /** Path below the root, forward slashes. */
  readonly image: string
  readonly mask: string | undefined
}

/** How an image of a list was found. `numbered`: its line has numbers behind the name. */
interface FoundEntry {
  readonly loosely: boolean
  readonly numbered?: boolean
}

/** Faults name the list, and the line of an image that is absent, unclear, or outside the data set. */
export async function readVocList(
  root: string,
  split: string,
  images: VocImages,
): Promise<{ path: string; entries: Entry[]; warnings: string[]; notes: string[] }> {
  const { path, lines } = await readSplit(root, split)
  const entries = new Map<string, Entry>()
  const absent: { line: number; name: string }[] = []
  const loose: string[] = []
  let [repeated, numbered] = [0, 0]
  for (const { line, text } of lines) {
    const entry = await entryOf(text, { root, images, path, line })
    if (entry === undefined) continue
    if (typeof entry === 'string') {
      absent.push({ line, name: entry })
      continue
    }
    const known = entries.get(entry.id)
    if (known !== undefined && known.image !== entry.image) {
      images.problems.fault(
        'same-name',
        new InputError(path, `${entry.image} has the name of ${known.image}`, {
          field: `line ${line}`,
          expected: 'images are told apart by their names without the ending: rename one of them',
        }),
      )
      continue
    }
    if (entry.numbered) numbered++
    if (known !== undefined) repeated++
    else if (entry.loosely) loose.push(`${text} is ${entry.image}`)
    entries.set(entry.id, entry)
  }
  if (absent.length > 0)
    images.problems.fault(
      'absent-image',
      absentError(path, absent, images),
      absent.map(({ line, name }) => ({
        file: path,
        field: `line ${line}`,
        problem: `names ${whereOf(name)}, which is not there`,
        expected: 'add the image, correct the line, or take it out',
      })),
    )
  const warnings = repeated === 0 ? [] : [`${path}: ${count(repeated, 'repeated line')} left out`]
  const notes =
    loose.length === 0
      ? []
      : [
          `${path}: ${count(loose.length, 'line', 'names')} another folder or ending than the image has: ${sample(loose)}`,
        ]
  if (numbered > 0)
    notes.push(`${path}: ${count(numbered, 'line', 'has')} numbers behind the name, which are not read`)
  return { path, entries: [...entries.values()], warnings, notes }
}

async function readSplit(
  root: string,
  split: string,
): Promise<{ path: string; lines: { line: number; text: string }[] }> {
  for (const spelling of splitSpellings(split)) {
    const path = join(root, SPLITS, `${spelling}.txt`)
    const text = await readText(path)
    if (text === undefined) continue
    const lines = numberedLines(text)
    if (lines.length === 0) throw new InputError(path, 'names no image', { expected: 'one image id a line' })
    return { path, lines }
  }
  const known = (await listFolder(join(root, SPLITS))).map(name => parse(name).name)
  const near = nearestName(split, known)
  throw new InputError(join(root, SPLITS, `${split}.txt`), 'no such split', {
    field: 'split',
    expected: near === undefined ? `the splits are ${sample(known, 10)}` : `did you mean "${near}"?`,
  })
}

/**
 * `2007_000032`, `IMG (1)`, `a.rf.0123.jpg`, or `/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png`: the
 * whole line is one name if such an image exists. Returns the name when none does; undefined after a fault.
 */
async function entryOf(
  text: string,
  context: { root: string; images: VocImages; path: string; line: number },
): Promise<(Entry & FoundEntry) | string | undefined> {
  const [whole, ...pairs] = columnsOf(text.replaceAll('\\', '/'))
  for (const part of [whole, ...pairs].flatMap(([name, mask]) => [name, mask ?? '']))
    if (leadsOutside(part)) {
      context.images.problems.fault(
        'unclear-name',
        new InputError(context.path, `"${text}" leads outside the data set`, {
          field: `line ${context.line}`,
          expected: `name images in ${IMAGES}/, without ".."`,
        }),
      )
      return undefined
    }
  let loose: (Entry & FoundEntry) | undefined
  for (const [name, mask] of [whole, ...pairs]) {
    const found = await imageOf(name, context)
    if (found === undefined) continue
    if (found === 'unclear') return undefined
    const { image, loosely } = found
    const inside = image.startsWith(`${IMAGES}/`) ? image.slice(IMAGES.length + 1) : basename(image)
    const entry = { id: imageId(inside), image, mask: mask?.replace(/^\/+/, ''), loosely }
    if (!loosely) return { ...entry, numbered: name !== text.replaceAll('\\', '/') && mask === undefined }
    if (loose === undefined || mask !== undefined) loose = entry
  }
  return loose ?? (pairs.find(([, mask]) => mask !== undefined) ?? whole)[0]
}

const MOST_CHARACTERS = 8192 // two paths; each blank of a line is tried with all that is before and behind it
const MOST_BLANKS = 64

type Columns = readonly [name: string, mask: string | undefined]

const NUMBERS = /^(.*?\S)(?:\s+[-+]?\d+(?:\.\d+)?)+$/ // `2007_000032 -1`, as in ImageSets/Main/aeroplane_train.txt

/** The whole line, then its split at each blank before a possible mask, then without the numbers behind the name. */
function columnsOf(line: string): [Columns, ...Columns[]] {
  const blanks = line.length > MOST_CHARACTERS ? [] : [...line.matchAll(/\s+/g)]
  const pairs = blanks.slice(0, MOST_BLANKS).flatMap(({ index, 0: blank }) => {
    const mask = line.slice(index + blank.length)
    return /\.png$/i.test(mask) || mask.includes('/') ? [[line.slice(0, index), mask] as const] : []
  })
  const isShort = blanks.length > 0 && blanks.length <= MOST_BLANKS
  const bare = isShort ? NUMBERS.exec(line)?.[1] : undefined
  return [[line, undefined], ...pairs.reverse(), ...(bare === undefined ? [] : [[bare, undefined] as const])]
}

/** Below the root; undefined when there is no such file. */
async function imageOf(
  name: string,
  { root, images, path, line }: { root: string; images: VocImages; path: string; line: number },
): Promise<{ image: string; loosely: boolean } | 'unclear' | undefined> {
  const at = name.lastIndexOf(`${IMAGES}/`)
  const inside = at < 0 ? name.replace(/^\/+/, '') : name.slice(at + IMAGES.length + 1)
  if (at < 0 && inside.includes('/') && (await isFile(join(root, inside))))
    return { image: inside, loosely: false }
  const { file, twins, loosely } = preferJpeg(images.names.find(inside))
  if (twins.length > 1) {
    images.problems.fault(
      'unclear-name',
      new InputError(path, `"${name}" may be ${twins.join(' or ')}`, {
        field: `line ${line}`,
        expected: 'write the name with its ending',
      }),
    )
    return 'unclear'
  }
  return file === undefined ? undefined : { image: `${IMAGES}/${file}`, loosely }
}

const MOST_COMPARED = 20_000

function absentError(
  path: string,
  absent: readonly { line: number; name: string }[],
  { files }: VocImages,
): InputError {
  const [first] = absent
  const wanted = imageStem(first!.name.slice(first!.name.lastIndexOf('/') + 1))
  const near = nearestName(wanted, files.slice(0, MOST_COMPARED).map(imageStem))
  const hint = near === undefined ? '' : `: did you mean "${near}"?`
  return new InputError(
    path,
    `names ${count(absent.length, 'absent image')}: ${sample(absent.map(({ name }) => whereOf(name)))}`,
    { expected: `every image of the list must be in ${IMAGES}/ (line ${first!.line}${hint})` },
  )
}

/** The searched path, for messages. */
function whereOf(name: string): string {
  const path = name.replace(/^\/+/, '')
  if (path.includes('/')) return path
  return `${IMAGES}/${path === imageStem(path) ? `${path}.jpg` : path}`
}

/** As nonEmptyLines, with the number of each. */
function numberedLines(text: string): { line: number; text: string }[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((content, i) => ({ line: i + 1, text: content.trim() }))
    .filter(({ text: content }) => content !== '')
}
