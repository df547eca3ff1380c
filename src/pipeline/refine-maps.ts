/** @file `tagmask refine --method crf MAPS --images FOLDER`: a folder of class maps through the dense CRF, as label PNGs. Imports no torch. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openPictures } from '../data/folder.ts'
import { InputError } from '../errors.ts'
import { readImage } from '../io/image.ts'
import { type LabelMap, writeLabelMap } from '../io/indexed-png.ts'
import { crfClassMaps } from '../refine/cam-crf.ts'
import type { CrfParameters } from '../refine/crf-parameters.ts'
import { crfThreads, mostProbableLabels } from '../refine/dense-crf.ts'
import type { Log } from '../train/log.ts'
import { readClassMaps } from './class-map-file.ts'
import { makeFolder } from './run-folder.ts'
import { Interrupted } from './stage.ts'

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
 * Writes out/ID.png; pictures are worked on as many at a time as there are threads. Returns how many masks there are. Maps
 * without a picture and files that cannot be read are named and left out, or thrown when `strict`.
 */
export async function refineMaps(options: RefineMapsOptions): Promise<number> {
  const { maps, images, out, force, strict, signal, log } = options
  const files = (await listMaps(maps)).map(name => name.slice(0, -ENDING.length))
  const pictures = new Map((await openPictures(images)).map(({ id, image }) => [id, image]))
  await makeFolder(out)
  const progress = log.progress({ title: 'refine', total: files.length })
  let [next, seen, made] = [0, 0, 0]
  const work = async (): Promise<void> => {
    for (let id = files[next++]; id !== undefined; id = files[next++]) {
      if (signal.aborted) return
      const target = join(out, `${id}.png`)
      try {
        if (force || !(await exists(target)))
          await writeLabelMap(target, await refineOne(id, pictures, options))
        made++
      } catch (error) {
        if (strict || !(error instanceof InputError)) throw error
        log.warn(`${id} has no mask: ${error.message}`)
      }
      progress.update(++seen)
    }
  }
  try {
    await Promise.all(Array.from({ length: crfThreads() }, work))
  } finally {
    progress.finish()
  }
  if (signal.aborted) throw new Interrupted(`refine, picture ${seen} of ${files.length}`)
  return made
}

async function refineOne(
  id: string,
  pictures: ReadonlyMap<string, string>,
  { maps, images, alpha, parameters }: RefineMapsOptions,
): Promise<LabelMap> {
  const file = join(maps, `${id}${ENDING}`)
  const picture = pictures.get(id)
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
  const probabilities = await crfClassMaps({ image, cams, alpha, name: file, threads: 1, ...parameters })
  const labels = [...probabilities.keys()]
  const planes = new Float32Array(labels.length * width * height)
  for (const [i, plane] of [...probabilities.values()].entries()) planes.set(plane, i * width * height)
  const best = mostProbableLabels(planes, image)
  return { ...best, data: best.data.map(i => labels[i]!) }
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

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
