/** @file The lines of ImageSets/Segmentation/SPLIT.txt: ids, file names, or an image and its mask; names may hold blanks and dots. */
import { stat } from 'node:fs/promises'
import { basename, join, parse } from 'node:path'
import { InputError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import { type FileNames, leadsOutside, stemOf } from './file-names.ts'
import { listFolder, readText, sample } from './listing.ts'

export const SPLITS = join('ImageSets', 'Segmentation')
const IMAGES = 'JPEGImages'

/** One image of a list. `mask` is what the line says, below the root; it need not be there. */
export interface Entry {
  readonly id: string
  /** Path below the root, forward slashes. */
  readonly image: string
  readonly mask: string | undefined
}

/** Throws InputError naming the list, and the line of an image that is absent, unclear, or outside the data set. */
export async function readVocList(
  root: string,
  split: string,
  files: FileNames,
): Promise<{ path: string; entries: Entry[]; warnings: string[] }> {
  const { path, lines } = await readSplit(root, split)
  const entries = new Map<string, Entry>()
  const absent: { line: number; name: string }[] = []
  let repeated = 0
  for (const { line, text } of lines) {
    const entry = await entryOf(text, { root, files, path, line })
    if (typeof entry === 'string') {
      absent.push({ line, name: entry })
      continue
    }
    const known = entries.get(entry.id)
    if (known !== undefined && known.image !== entry.image)
      throw new InputError(path, `${entry.image} has the name of ${known.image}`, {
        field: `line ${line}`,
        expected: 'images are told apart by their names without the ending: rename one of them',
      })
    if (known !== undefined) repeated++
    entries.set(entry.id, entry)
  }
  if (absent.length > 0) throw absentError(path, absent, files)
  const warnings = repeated === 0 ? [] : [`${path}: ${repeated} repeated lines left out`]
  return { path, entries: [...entries.values()], warnings }
}

async function readSplit(
  root: string,
  split: string,
): Promise<{ path: string; lines: { line: number; text: string }[] }> {
  const spellings = ['train_aug', 'trainaug'].includes(split) ? ['train_aug', 'trainaug'] : [split]
  for (const spelling of spellings) {
    const path = join(root, SPLITS, `${spelling}.txt`)
    const text = await readText(path)
    if (text === undefined) continue
    const lines = numberedLines(text)
    if (lines.length === 0)
      throw new InputError(path, 'names no picture', { expected: 'one picture id a line' })
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
 * `2007_000032`, `IMG (1)`, `a.rf.0123.jpg`, or `/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png`: the whole
 * line is taken as one name if there is such an image. The name when there is none.
 */
async function entryOf(
  text: string,
  { root, files, path, line }: { root: string; files: FileNames; path: string; line: number },
): Promise<Entry | string> {
  const columns = columnsOf(text.replaceAll('\\', '/'))
  for (const [name, mask] of columns) {
    if (leadsOutside(name) || (mask !== undefined && leadsOutside(mask)))
      throw new InputError(path, `"${text}" leads outside the data set`, {
        field: `line ${line}`,
        expected: `name images in ${IMAGES}/, without ".."`,
      })
    const image = await imageOf(name, { root, files, path, line })
    if (image === undefined) continue
    const inside = image.startsWith(`${IMAGES}/`) ? image.slice(IMAGES.length + 1) : basename(image)
    return { id: stemOf(inside).replaceAll('/', '__'), image, mask: mask?.replace(/^\/+/, '') }
  }
  return columns.at(-1)![0]
}

/** The whole line; then, where what follows a blank can be a mask, the line in two. */
function columnsOf(line: string): (readonly [name: string, mask: string | undefined])[] {
  const pairs = [...line.matchAll(/\s+/g)].flatMap(({ index, 0: blank }) => {
    const mask = line.slice(index + blank.length)
    return /\.png$/i.test(mask) || mask.includes('/') ? [[line.slice(0, index), mask] as const] : []
  })
  return [[line, undefined], ...pairs.reverse()]
}

/** Below the root; undefined when there is no such file. */
async function imageOf(
  name: string,
  { root, files, path, line }: { root: string; files: FileNames; path: string; line: number },
): Promise<string | undefined> {
  const at = name.lastIndexOf(`${IMAGES}/`)
  const inside = at < 0 ? name.replace(/^\/+/, '') : name.slice(at + IMAGES.length + 1)
  const found = files.find(inside)
  if (found.length > 1)
    throw new InputError(path, `"${name}" may be ${found.join(' or ')}`, {
      field: `line ${line}`,
      expected: 'write the name with its ending',
    })
  if (found[0] !== undefined) return `${IMAGES}/${found[0]}`
  const elsewhere = inside.includes('/') && at < 0 && (await isFile(join(root, inside)))
  return elsewhere ? inside : undefined
}

function absentError(
  path: string,
  absent: readonly { line: number; name: string }[],
  files: FileNames,
): InputError {
  const [first] = absent
  const near = files.near(first!.name.slice(first!.name.lastIndexOf('/') + 1))
  const hint = near === undefined ? '' : `: did you mean "${near}"?`
  return new InputError(
    path,
    `names ${absent.length} absent pictures: ${sample(absent.map(({ name }) => whereOf(name)))}`,
    { expected: `every picture of the list must be in ${IMAGES}/ (line ${first!.line}${hint})` },
  )
}

/** Where it was looked for. */
function whereOf(name: string): string {
  const path = name.replace(/^\/+/, '')
  if (path.includes('/')) return path
  return `${IMAGES}/${path === stemOf(path) ? `${path}.jpg` : path}`
}

/** As nonEmptyLines, with the number of each. */
function numberedLines(text: string): { line: number; text: string }[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((content, i) => ({ line: i + 1, text: content.trim() }))
    .filter(({ text: content }) => content !== '')
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}
