/** @file The ground-truth masks of a plain folder: masks/NAME.png, in other case or Unicode, or with _mask behind the name. */
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { count } from '../io/count.ts'
import { listTree } from './file-tree.ts'
import { stemOf } from './image-endings.ts'
import { imageId, leftOutFaults } from './image-listing.ts'
import { listFolder, sample } from './listing.ts'
import { isLegend } from './mask-legend.ts'
import { type DoubtKind, type Fault, FIRST, type Problems } from './problems.ts'
import { foldWord } from './tag-words.ts'

export interface FolderMasks {
  /** By image. */
  readonly masks: ReadonlyMap<string, string>
  readonly warnings: readonly string[]
}

const BEHIND = /[ _.-]?(mask|masks|seg|segmentation|label|labels|gt|groundtruth)$/

/** Two masks of one image are a fault; the first is used. */
export async function findMasks(
  root: string,
  files: readonly string[],
  { problems = FIRST }: { problems?: Problems } = {},
): Promise<FolderMasks> {
  const folders = await listFolder(root)
  const name = folders.includes('masks') ? 'masks' : folders.find(other => other.toLowerCase() === 'masks')
  if (name === undefined) return { masks: new Map(), warnings: [] }
  const folder = join(root, name)
  const tree = await listTree(folder, { expected: 'masks/ is a folder of PNGs' })
  const pngs = tree.files.filter(file => /\.png$/i.test(file))
  const imageOf = maskOwners(files)
  const masks = new Map<string, string>()
  const stray: string[] = []
  for (const mask of pngs) {
    const owners = imageOf(mask)
    const [owner] = owners
    if (owner === undefined || owners.length > 1) {
      stray.push(mask)
      continue
    }
    const other = masks.get(owner)
    if (other === undefined) masks.set(owner, mask)
    else
      problems.fault(
        'two-masks',
        new InputError(join(folder, mask), `and ${other} are both masks of ${owner}`, {
          expected: 'an image has one mask: take the other one out',
        }),
      )
  }
  const foreign = tree.files.filter(file => !/\.png$/i.test(file) && !isLegend(file))
  const sentence = (
    list: readonly string[],
    { kind, is, faults = [] }: { kind: DoubtKind; is: string; faults?: readonly Fault[] },
  ): string[] =>
    list.length === 0
      ? []
      : problems.doubt(
          kind,
          `${folder}: ${count(list.length, 'file', 'is')} ${is}: ${sample(list)}`,
          () => faults,
        )
  const each = (list: readonly string[], problem: string, expected: string): Fault[] =>
    list.map(file => ({ file: join(folder, file), problem, expected }))
  return {
    masks: new Map([...masks].map(([file, mask]) => [file, join(folder, mask)])),
    warnings: [
      ...sentence(stray, {
        kind: 'stray-mask',
        is: 'the mask of no image, or of several',
        faults: each(stray, 'is the mask of no image, or of several', 'name it as its image, with .png'),
      }),
      ...sentence(foreign, {
        kind: 'unread-mask',
        is: 'no PNG and not read as masks; convert them without loss, and export JPEGs again as PNG',
        faults: each(
          foreign,
          'is no PNG and not read as a mask',
          'convert it without loss, or export a JPEG again as PNG',
        ),
      }),
      ...sentence(tree.leftOut, {
        kind: 'left-out-file',
        is: 'left out',
        faults: leftOutFaults(folder, tree.leftOut),
      }),
    ],
  }
}

/** The images that a mask may belong to: one, or none, or several of one name in different folders. */
export function maskOwners(files: readonly string[]): (mask: string) => readonly string[] {
  const known = new Map<string, Set<string>>()
  const add = (key: string, file: string): void =>
    void known.set(key, (known.get(key) ?? new Set()).add(file))
  for (const file of files) {
    const stem = stemOf(file).normalize('NFC')
    const keys = [stem, imageId(file), stem.slice(stem.lastIndexOf('/') + 1)]
    for (const [level, key] of keys.entries()) {
      add(`${level}:${key}`, file)
      add(`${level}:folded:${foldWord(key)}`, file)
    }
  }
  return mask => {
    const stem = stemOf(mask).normalize('NFC')
    const folded = foldWord(stem)
    const bare = folded.replace(BEHIND, '')
    const keys = [stem, `folded:${folded}`, ...(bare === '' || bare === folded ? [] : [`folded:${bare}`])]
    for (const key of keys)
      for (const level of [0, 1, 2]) {
        const found = known.get(`${level}:${key}`)
        if (found !== undefined) return [...found]
      }
    return []
  }
}
