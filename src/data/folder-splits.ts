/** @file The splits of a plain folder: list files, the column `split`, folders train/ and val/; without any, all is `train`. */
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { nearestName } from '../nearest-name.ts'
import { findAll, imageNames } from './image-names.ts'
import { nonEmptyLines, readText, sample } from './listing.ts'
import { FIRST, type Problems } from './problems.ts'
import { canonicalSplit, splitSpellings, USUAL_SPLITS } from './split-names.ts'
import type { TaggedImages } from './tagged-images.ts'

/** A list file of a split. */
interface SplitList {
  readonly path: string
  readonly text: string
}

/** NAME.txt, or of another word for it. */
async function findList(root: string, split: string): Promise<SplitList | undefined> {
  if (/[/\\]|^\.+$/.test(split)) return undefined // a path leads out of the folder
  for (const name of splitSpellings(split)) {
    const path = join(root, `${name}.txt`)
    const text = await readText(path)
    if (text !== undefined) return { path, text }
  }
  return undefined
}

/** Which of the usual splits have a list. */
export async function listedSplits(root: string): Promise<string[]> {
  const lists = await Promise.all(
    USUAL_SPLITS.map(async name => ({ name, list: await findList(root, name) })),
  )
  return lists.filter(({ list }) => list !== undefined).map(({ name }) => name)
}

/** The images of a split, in the order of its list. Throws InputError for an unknown split; absent images are faults. */
export async function chooseSplit(
  root: string,
  {
    split,
    images,
    roots,
    problems = FIRST,
  }: { split: string; images: TaggedImages; roots: readonly string[]; problems?: Problems },
): Promise<readonly string[]> {
  const { listing, rows, source } = images
  const list = await findList(root, split)
  if (list !== undefined) return listedImages(list, listing.files, { roots, problems })
  if (images.splits) {
    const names = splitSpellings(split).map(canonicalSplit)
    const chosen = listing.files.filter(file => names.includes(canonicalSplit(rows.get(file)?.split ?? '')))
    if (chosen.length > 0) return chosen
    throw new InputError(source, `no row has the split "${split}"`, {
      field: 'split',
      expected: `the splits are ${sample(rowSplits(rows.values()), 10)}`,
    })
  }
  const present = await listedSplits(root)
  if (split === 'train' && present.length === 0) return listing.files
  throw new InputError(join(root, `${split}.txt`), 'no such split', {
    field: 'split',
    expected: `add ${split}.txt with one image a line, or a column "split" in the tag file${present.length > 0 ? `; there is ${present.join(', ')}` : ''}`,
  })
}

/** The splits that rows name, as they spell them. */
export function rowSplits(rows: Iterable<{ readonly split: string | undefined }>): string[] {
  return [...new Set([...rows].map(row => row.split ?? ''))].filter(name => name !== '')
}

/** Warns of a split with a name close to that of a usual one which has more images; its rows are named. */
export function splitSlips({ rows, source }: TaggedImages, problems: Problems = FIRST): string[] {
  const counts = new Map<string, number>()
  for (const { split } of rows.values()) {
    const name = canonicalSplit(split ?? '')
    if (name !== '') counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].flatMap(([name, images]) => {
    const near = usualName(name)
    if (near === undefined || (counts.get(near) ?? 0) <= images) return []
    const words = `"${name}" (${count(images, 'image')}), nearly "${near}" (${count(counts.get(near)!, 'image')})`
    return problems.doubt('slip', `${source}: is the split ${words}, a slip?`, () =>
      [...rows.values()]
        .filter(({ split }) => canonicalSplit(split ?? '') === name)
        .map(({ file, where }) => ({
          file: source,
          field: where,
          problem: `puts ${file} into the split ${words}`,
          expected: `write "${near}" if it is a slip`,
        })),
    )
  })
}

/** The usual split that another name may be a slip for; train2 and val_b are splits of their own. */
function usualName(name: string): string | undefined {
  const usual = USUAL_SPLITS.flatMap(splitSpellings)
  if (/\d/.test(name) || usual.some(word => name.startsWith(word))) return undefined
  const near = nearestName(name, usual)
  return near === undefined ? undefined : canonicalSplit(near)
}

function listedImages(
  { path, text }: SplitList,
  files: readonly string[],
  { roots, problems }: { roots: readonly string[]; problems: Problems },
): string[] {
  const known = imageNames(files, { roots })
  const lines = nonEmptyLines(text)
  const found = findAll(known, lines)
  for (const [i, { twins }] of found.entries())
    if (twins.length > 0)
      problems.fault(
        'unclear-name',
        new InputError(path, `${lines[i]} can be ${twins.slice(0, 2).join(' or ')}`, {
          expected: 'write the path below the folder of images, with the ending',
        }),
      )
  const absent = lines.filter((_, i) => found[i]!.file === undefined && found[i]!.twins.length === 0)
  if (absent.length > 0)
    problems.fault(
      'absent-image',
      new InputError(path, `names ${count(absent.length, 'absent image')}: ${sample(absent)}`, {
        expected: 'every line must name an image in images/',
      }),
      absent.map(line => ({
        file: path,
        problem: `names ${line}, which is not there`,
        expected: 'add the image, correct the line, or take it out',
      })),
    )
  if (lines.length === 0) throw new InputError(path, 'names no image', { expected: 'one image a line' })
  return [...new Set(found.flatMap(({ file }) => file ?? []))]
}
