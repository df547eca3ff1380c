/** @file `tagmask refine --method crf MAPS --images FOLDER`: a folder of class maps through the dense CRF, as label PNGs. Imports no torch. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openPictures } from '../data/folder.ts'
import { InputError } from '../errors.ts'
import { readImage } from '../io/image.ts'
import { type LabelMap, writeLabelMap } from '../io/indexed-png.ts'
import { crfLabels } from '../refine/cam-crf.ts'
import type { CrfParameters } from '../refine/crf-parameters.ts'
import { crfThreads } from '../refine/dense-crf.ts'
import type { Log } from '../train/log.ts'
import { readClassMaps } from './class-map-file.ts'
import { eachPicture } from './each-picture.ts'
import { makeFolder } from './run-folder.ts'

export interface RefineMapsOptions {
  /** Folder of ID.safetensors, as the stage maps writes them. */
  readonly maps: string
  readonly images: string
  readonly out: string
  /** Exponent of the background score (1 - strongest map)^alpha: the larger, the more is foreground. */
  readonly alpha: number
  readonly parameters: CrfParameters
  readonly strict: boolean
  /** Make masks again that are there. */
  readonly force: boolean
  readonly signal: AbortSignal
  readonly log: Log
}

const ENDING = '.safetensors'

/**
 * Writes out/ID.png, as many pictures at a time as there are threads. Maps without a picture and files that cannot be read
 * are named and left out, or thrown when `strict`. Throws InputError when a folder holds nothing of its kind.
 */
export async function refineMaps(options: RefineMapsOptions): Promise<void> {
  const { maps, images, out, force, strict, signal, log } = options
  const found = (await listMaps(maps)).map(name => ({ id: name.slice(0, -ENDING.length) }))
  const pictures = new Map(
    (await openPictures(images, { report: sentence => log.warn(sentence) })).map(({ id, image }) => [
      id,
      image,
    ]),
  )
  await makeFolder(out)
  const target = ({ id }: { id: string }): string => join(out, `${id}.png`)
  if (force) await Promise.all(found.map(map => rm(target(map), { force: true })))
  await eachPicture(
    found,
    target,
    async ({ id }, file) => writeLabelMap(file, await refineOne(id, pictures.get(id), options)),
    { title: 'refine', lacks: 'no mask', atOnce: crfThreads(), strict, signal, log },
  )
}

async function refineOne(
  id: string,
  picture: string | undefined,
  { maps, images, alpha, parameters }: RefineMapsOptions,
): Promise<LabelMap> {
  const file = join(maps, `${id}${ENDING}`)
  if (picture === undefined) {
    throw new InputError(file, `there is no picture ${id} in ${images}`, {
      expected: 'give the folder of the pictures that the maps were made from',
    })
  }
  const { maps: cams, width, height } = await readClassMaps(file)
  const image = await readImage(picture)
  if (image.width !== width || image.height !== height) {
    throw new InputError(file, `the maps are ${width} x ${height} pixels`, {
      expected: `the picture ${picture} has ${image.width} x ${image.height}`,
    })
  }
  return crfLabels({ image, cams, alpha, name: file, threads: 1, ...parameters })
}

async function listMaps(folder: string): Promise<string[]> {
  const expected = 'give a folder of class maps (ID.safetensors), such as maps/ of a run'
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new InputError(folder, 'is no folder that can be listed', { expected, cause })
  })
  const maps = names.filter(name => name.endsWith(ENDING) && !name.startsWith('.')).sort()
  if (maps.length === 0) throw new InputError(folder, 'holds no class maps', { expected })
  return maps
}
