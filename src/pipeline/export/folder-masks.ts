/** @file The masks of a folder of label PNGs, as predict, refine and runs write them, or anybody's. Imports no torch. */
import { basename, dirname, join, resolve } from 'node:path'
import { listTree } from '../../data/file-tree.ts'
import { maskOwners } from '../../data/folder-masks.ts'
import { stemOf } from '../../data/image-endings.ts'
import { imageId, listImages } from '../../data/image-listing.ts'
import { checkClasses, nonEmptyLines, readClassFile, readText, sample } from '../../data/listing.ts'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { legendNames, legendTextNames } from '../../io/label-legend.ts'
import type { Log } from '../../train/log.ts'
import { camFileId } from '../images/cam-file.ts'
import { readRecord } from '../out/out-record.ts'
import { fileNames, type MaskSource, type SourceMask } from './mask-source.ts'

export interface FolderMasksOptions {
  /** Folder of the images, where the masks do not know them. */
  readonly images?: string | undefined
  /** File of the class names; default: labels.json or classes.txt in the folder or above it. */
  readonly labels?: string | undefined
  /** Folder of CAMs, ID.safetensors or ID.npy. */
  readonly maps?: string | undefined
  readonly log: Log
}

const EXPECTED = 'a folder of label PNGs, as tagmask predict and refine write them, or of a run'

/** Throws InputError when the folder holds no masks, or nothing names their classes. */
export async function folderMasks(
  folder: string,
  { images, labels, maps, log }: FolderMasksOptions,
): Promise<MaskSource> {
  const root = resolve(folder)
  const { files, leftOut } = await listTree(root, { expected: EXPECTED })
  if (leftOut.length > 0)
    log.warn(`${folder}: ${count(leftOut.length, 'file', 'is')} left out: ${sample(leftOut)}`)
  const pngs = files.filter(file => /\.png$/i.test(file) && !/^(overlays|report)\//.test(file))
  if (pngs.length === 0) throw new InputError(folder, 'holds no masks (PNG)', { expected: EXPECTED })
  const classes = await classNames(folder, labels)
  const found = images === undefined ? await recorded(root) : await imagesOf(images, pngs)
  const without = pngs.filter(file => !found.has(file))
  if (without.length > 0 && images === undefined)
    log.warn(
      `${count(without.length, 'mask')} without a known image: ${sample(without)}; names of images are taken to be those of the masks, ending in .jpg (--images DIR)`,
    )
  else if (without.length > 0)
    log.warn(`${count(without.length, 'mask')} left out, without an image in ${images}: ${sample(without)}`)
  const kept = images === undefined ? pngs : pngs.filter(file => found.has(file))
  if (kept.length === 0)
    throw new InputError(images ?? folder, 'has no image of these masks', {
      expected: 'give the folder of the images that the masks were made of: --images DIR',
    })
  const cams = maps === undefined ? new Map<string, string>() : await camsOf(maps)
  const known = kept.flatMap(file => found.get(file) ?? [])
  const names = new Map(fileNames(known).map((name, i) => [known[i]!, name]))
  return {
    name: basename(root),
    classes,
    masks: kept.map((file): SourceMask => {
      const image = found.get(file)
      const id = imageId(file)
      return {
        id,
        mask: join(root, file),
        image,
        fileName: image === undefined ? `${stemOf(file)}.jpg` : names.get(image)!,
        cams: cams.get(id),
      }
    }),
    places: [
      { path: root, what: 'the folder of the masks' },
      ...(images === undefined ? [] : [{ path: resolve(images), what: 'the folder of the images' }]),
    ],
  }
}

/** The files of CAMs of a folder, by image. */
async function camsOf(folder: string): Promise<Map<string, string>> {
  const { files } = await listTree(folder, { expected: 'a folder of CAMs, ID.safetensors or ID.npy' })
  const byId = files.flatMap(file => {
    const id = camFileId(file)
    return id === undefined ? [] : [[imageId(`${id}.npy`), join(resolve(folder), file)] as const]
  })
  return new Map(byId.reverse()) // the first of two
}

/** The images of a folder, by mask. */
async function imagesOf(folder: string, pngs: readonly string[]): Promise<Map<string, string>> {
  const listing = await listImages(folder, { expected: 'give the folder of the images' })
  const owners = maskOwners(listing.files)
  return new Map(
    pngs.flatMap(file => {
      const [owner, ...others] = owners(file)
      return owner === undefined || others.length > 0 ? [] : [[file, join(resolve(folder), owner)] as const]
    }),
  )
}

/** The images that the folder's own record names. */
async function recorded(root: string): Promise<Map<string, string>> {
  const record = await readRecord(root)
  return new Map(
    [...(record?.made.values() ?? [])].flatMap(({ file, from }) => {
      const image = from.map(({ path }) => path).find(path => !path.endsWith('.safetensors'))
      return image === undefined ? [] : [[file, image] as const]
    }),
  )
}

async function classNames(folder: string, labels: string | undefined): Promise<string[]> {
  if (labels !== undefined) return namesIn(labels)
  for (const place of [folder, dirname(resolve(folder))]) {
    const legend = join(place, 'labels.json')
    if ((await readText(legend)) !== undefined) return namesIn(legend)
    const listed = await readClassFile(place)
    if (listed !== undefined) return listed
  }
  throw new InputError(folder, 'has no labels.json, and nothing says what its labels are', {
    expected: 'give the class names in the order of the labels, one a line: --labels FILE',
  })
}

/** The foreground classes of labels.json, or of a list with a name a line. */
async function namesIn(file: string): Promise<string[]> {
  const text = await readText(file)
  if (text === undefined)
    throw new InputError(file, 'cannot be read', { field: '--labels', expected: 'is it there?' })
  const names = file.endsWith('.json')
    ? parseLegend(file, text)
    : (legendTextNames(text) ?? nonEmptyLines(text))
  const classes = names[0]?.toLowerCase() === 'background' ? names.slice(1) : names
  checkClasses(file, classes)
  return classes
}

function parseLegend(file: string, text: string): string[] {
  try {
    const names = legendNames(text)
    if (names.every(name => typeof name === 'string')) return names
  } catch {}
  throw new InputError(file, 'is no list of labels', {
    field: '--labels',
    expected:
      '[{"index": 0, "name": "background"}, {"index": 1, "name": "cat"}], or a text with a name a line',
  })
}
