/** @file `tagmask refine --method crf|par MAPS --images FOLDER`: a folder of CAMs through the dense CRF or PAR, as label PNGs. Imports no torch. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openImages } from '../../data/folder.ts'
import { InputError } from '../../errors.ts'
import { memoryBudget, USUAL_MEMORY } from '../../io/available-memory.ts'
import { encodeLabelMap, type LabelMap } from '../../io/indexed-png.ts'
import { legendFiles } from '../../io/label-legend.ts'
import { MOST_CLASSES } from '../../io/label-values.ts'
import { crfLabels } from '../../refine/cam-crf.ts'
import { refineMemory } from '../../refine/crf-memory.ts'
import type { CrfParameters } from '../../refine/crf-parameters.ts'
import { crfThreads } from '../../refine/dense-crf.ts'
import { parLabels } from '../../refine/par/cam-par.ts'
import { parImageMemory } from '../../refine/par/memory.ts'
import type { ParParameters } from '../../refine/par/parameters.ts'
import type { Log } from '../../train/log.ts'
import { camFileId, readCamClasses } from '../images/cam-file.ts'
import { scoresIn } from '../images/cam-scores.ts'
import { readCamsAndImage } from '../images/cams-and-image.ts'
import { eachImage } from '../images/each-image.ts'
import { type Shard, shardOf, shardText } from '../images/shard.ts'
import type { Size } from '../images/step-memory.ts'
import { fromHere } from '../run/run-folder.ts'
import { type OutImage, openOutFolder, shardWords } from './out-folder.ts'
import { refuseOutPlace, runAround } from './out-place.ts'
import { makerOf } from './out-record.ts'

/** What the CAMs go through. */
export type CamRefinement =
  | { readonly method: 'crf'; readonly parameters: CrfParameters }
  | { readonly method: 'par'; readonly parameters: ParParameters }

export interface RefineCamFolderOptions {
  /** Folder of ID.safetensors, as the stage maps writes them. */
  readonly maps: string
  readonly images: string
  readonly out: string
  /** Exponent of the background score (1 - strongest map)^alpha: the larger, the more is foreground. */
  readonly alpha: number
  readonly refinement: CamRefinement
  /** Chosen from the cores when null. */
  readonly threads?: number | null
  /** Megabytes that the work may take at once. */
  readonly memory?: number
  /** Largest share of the maps that may come to nothing. */
  readonly maxLost?: number
  /** Only these of the maps, without texts. */
  readonly shard?: Shard | undefined
  readonly strict: boolean
  /** Recompute masks that are there. */
  readonly force: boolean
  readonly signal: AbortSignal
  readonly log: Log
}

/**
 * Writes out/ID.png, as many images at a time as there are threads; returns how many there are. Maps without an image and
 * files that cannot be used are named and left out, or thrown when `strict`. Throws InputError when a folder holds nothing of
 * its kind, when too many were left out, and before it would write over what it did not write.
 */
export async function refineCamFolder(options: RefineCamFolderOptions): Promise<number> {
  const { maps, images, out, alpha, refinement, threads = null, maxLost = 0.5 } = options
  const { memory = USUAL_MEMORY } = options
  const { method, parameters } = refinement
  const { shard, force, strict, signal, log } = options
  if (!(alpha > 0 && Number.isFinite(alpha)))
    throw new InputError('--alpha', `is ${alpha}`, { expected: 'expected a number above 0' })
  const atOnce = crfThreads(threads)
  await refuseOutPlace(out, {
    places: [
      { path: images, what: 'the folder of the images' },
      { path: maps, what: 'the folder of the maps' },
    ],
  })
  const found = await listMaps(maps)
  const listed = await openImages(images, { report: sentence => log.warn(sentence) })
  const samples = new Map(listed.map(({ id, image }) => [id, image]))
  const classes = await refuseManyClasses(found)
  const targets = [...found].map(([id, map]): Target => {
    const image = samples.get(id)
    return image === undefined ? { id, map, from: [map] } : { id, map, image, from: [map, image] }
  })
  const folder = await openOutFolder({
    out,
    maker: makerOf({
      command: `refine --method ${method}`,
      run: (await runAround(maps)) ?? null,
      recipe: null,
      weights: null,
      settings: { alpha, parameters, memory },
    }),
    images: targets,
    overlays: false,
    texts: legendFiles(await labelNames(maps, classes)),
    shard,
    force,
    log,
  })
  const own = shardOf(targets, shard)
  const pass = {
    title: 'refine',
    atOnce,
    strict,
    maxLost: shard === undefined ? maxLost : 1,
    shard,
    signal,
    log,
    within: {
      longestSide: Number.POSITIVE_INFINITY,
      key: 'maps.longestSide',
      memoryOf: (sizes: { own: Size; working: Size }) =>
        memoryOf(refinement, { ...sizes, labels: classes.length + 1 }),
      budget: () => memoryBudget({ most: memory }),
    },
  }
  let lost: readonly string[]
  try {
    await folder.begin() // those that are to be made are not there from now on
    lost = await eachImage(
      own,
      ({ id }) => join(out, `${id}.png`),
      async (target, _, sizeOf) => {
        const mask = await refineOne(target, sizeOf, options)
        await folder.write(target, { mask: encodeLabelMap(mask) })
      },
      pass,
    )
  } finally {
    await folder.end()
  }
  if (shard !== undefined) {
    const part = { shard, images: own.length, total: targets.length, lost }
    log.tell(shardWords(part, { of: 'refine', out }), {
      out: fromHere(out),
      ...part,
      shard: shardText(shard),
    })
  }
  return own.length - lost.length
}

/** `map`: the file of the CAMs; `image`: that of the image, where there is one. */
type Target = OutImage & { readonly map: string; readonly image?: string }

async function refineOne(
  { id, map: file, image: path }: Target,
  sizeOf: (own: Size) => Size,
  { images, alpha, refinement: { method, parameters } }: RefineCamFolderOptions,
): Promise<LabelMap> {
  if (path === undefined) {
    throw new InputError(file, `there is no image ${id} in ${images}`, {
      expected: 'give the folder of the images that the maps were made from',
    })
  }
  const { image, own: size, ...read } = await readCamsAndImage(file, { image: path }, { sizeOf })
  const { maps: cams } = scoresIn(read, file)
  const options = { image, size, cams, alpha, name: file, threads: 1 }
  return method === 'crf'
    ? crfLabels({ ...options, ...parameters })
    : parLabels({ ...options, ...parameters })
}

function memoryOf({ method, parameters }: CamRefinement, sizes: Parameters<typeof refineMemory>[0]): number {
  return method === 'crf' ? refineMemory(sizes) : parImageMemory(sizes, parameters)
}

/** The classes of all maps. Throws InputError, before any work, when a label would not fit into a mask of 8 bits. */
async function refuseManyClasses(files: ReadonlyMap<string, string>): Promise<number[]> {
  const classes = new Set<number>()
  for (const file of files.values()) {
    const own = await readCamClasses(file).catch(() => []) // a file that cannot be read is named when its turn comes
    const wrong = own.find(k => k < 0 || k >= MOST_CLASSES)
    if (wrong !== undefined) {
      throw new InputError(file, `has a map of class ${wrong}`, {
        field: 'classes',
        expected: `a mask of 8 bits has room for the classes 0 to ${MOST_CLASSES - 1}; nothing was written`,
      })
    }
    for (const k of own) classes.add(k)
  }
  return [...classes]
}

/** Names of all labels: those of the run that the maps are of, else `class K`. */
async function labelNames(maps: string, classes: readonly number[]): Promise<string[]> {
  const run = await runAround(maps)
  const known = run === undefined ? [] : await readNames(join(run, 'labels.json'))
  const most = Math.max(known.length - 1, ...classes.map(k => k + 1), 0)
  return Array.from({ length: most + 1 }, (_, label) =>
    label === 0 ? 'background' : (known[label] ?? `class ${label - 1}`),
  )
}

async function readNames(path: string): Promise<string[]> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as { name?: unknown }[]
    return value.slice(0, 256).map(({ name }) => String(name))
  } catch {
    return []
  }
}

/** Files of CAMs by the names of their images. */
async function listMaps(folder: string): Promise<Map<string, string>> {
  const expected = 'give a folder of CAMs (ID.safetensors or ID.npy), such as maps/ of a run'
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new InputError(folder, 'is no folder that can be listed', { expected, cause })
  })
  const maps = new Map<string, string>()
  for (const name of names.sort()) {
    const id = camFileId(name)
    if (id === undefined) continue
    const twin = maps.get(id)
    if (twin !== undefined)
      throw new InputError(twin, `and ${name} are both CAMs of ${id}`, { expected: 'take one of them out' })
    maps.set(id, join(folder, name))
  }
  if (maps.size === 0) throw new InputError(folder, 'holds no CAMs', { expected })
  return maps
}
