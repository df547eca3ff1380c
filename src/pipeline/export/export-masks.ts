/** @file `tagmask export`: the masks of a run or of a folder in the files of another tool. Imports no torch. */
import { InputError } from '../../errors.ts'
import {
  type ExportFormat,
  type ExportImage,
  type ExportOptions,
  FORMATS,
  type FormatName,
  type FormatOption,
} from '../../export/index.ts'
import { count } from '../../io/count.ts'
import { packageVersion } from '../../io/package-root.ts'
import { nearestName } from '../../nearest-name.ts'
import { type Log, silentLog } from '../../train/log.ts'
import { exists } from '../images/image-pass.ts'
import { collectLost } from '../images/lost-images.ts'
import { readAhead } from '../images/read-ahead.ts'
import type { Shard } from '../images/shard.ts'
import { refuseOutPlace } from '../out/out-place.ts'
import { hashOf } from '../run/file-origin.ts'
import { findRun } from '../run/find-run.ts'
import { fromHere } from '../run/run-folder.ts'
import { Interrupted } from '../run/stage.ts'
import { exportPart, refuseWhole } from './export-part.ts'
import { openExportPlace, refuseTaken } from './export-place.ts'
import { type ExportShards, openShards } from './export-shards.ts'
import { folderMasks } from './folder-masks.ts'
import type { MaskSource, SourceMask } from './mask-source.ts'
import { type ReadMasksOptions, readMask } from './read-masks.ts'
import { runMasks } from './run-masks.ts'

export interface ExportMasksOptions {
  /** Name or folder of a run, or a folder of masks. */
  readonly target: string
  readonly format: FormatName
  /** The folder, or the file of a format of one file. */
  readonly out: string
  /** Folder of all runs. */
  readonly runs?: string
  /** Of a run: its data set, where it has moved. */
  readonly data?: string | undefined
  /** Of a folder of masks: the images, the class names, the CAMs. */
  readonly images?: string | undefined
  readonly labels?: string | undefined
  readonly maps?: string | undefined
  /** Only these classes, renumbered in this order; the pixels of others become background. */
  readonly classes?: readonly string[] | undefined
  /** Labels whose score in an image is lower become void. */
  readonly minScore?: number | undefined
  readonly polygons?: boolean
  /** Pixels. */
  readonly tolerance?: number
  readonly colour?: boolean
  readonly imageAddress?: string | undefined
  /** CAMs in IRN's form. */
  readonly irn?: boolean
  /** Also copy the images. */
  readonly copyImages?: boolean
  readonly force?: boolean
  /** Only these of the masks, for an export of all to take over: docs/shards.md. */
  readonly shard?: Shard | undefined
  readonly strict?: boolean
  readonly signal?: AbortSignal
  readonly log?: Log
}

type Options = ExportMasksOptions & Required<Pick<ExportMasksOptions, 'signal' | 'log'>>

const MOST_LOST = 0.5 // a share: more are a wrong folder
const AHEAD = 4 // masks in memory

/** Returns how many masks were written. Throws InputError, Interrupted after an abort; then nothing is left at `out`. */
export async function exportMasks({
  signal = new AbortController().signal,
  log = silentLog(),
  ...rest
}: ExportMasksOptions): Promise<number> {
  const options = { ...rest, signal, log }
  const { format: formatName, out, minScore, force = false, strict = false, shard } = options
  const format: ExportFormat = FORMATS[formatName]
  checkOptions(options)
  refuseOptions(options, format)
  if (shard !== undefined) refuseWhole(format, formatName)
  const source = await openSource(options)
  const kept = keptClasses(source, options)
  if (format.needs === 'images') refuseWithoutImages(source, formatName)
  if (format.needs === 'cams') await refuseWithoutCams(source, formatName)
  await refuseOutPlace(out, { places: source.places, data: source.data })
  const formatOptions = {
    classes: kept.map(k => source.classes[k]!),
    name: source.name,
    polygons: options.polygons ?? false,
    tolerance: options.tolerance ?? 0.5,
    colour: options.colour ?? false,
    images: options.copyImages ?? false,
    imageAddress: options.imageAddress,
    irn: options.irn ?? false,
  }
  const read = { kept, minScore }
  const settings = hashOf(JSON.stringify([packageVersion(), formatName, formatOptions, read, source.classes]))
  if (shard !== undefined) {
    await refuseTaken(out, { format, force })
    const part = { out, shard, name: formatName, format, formatOptions, settings, read }
    return exportPart(source, { ...part, strict, signal, log })
  }
  const shards = format.perImage ? await openShards(out, { settings, log }) : undefined
  try {
    return await exportAll(source, { ...options, force, strict, read, formatOptions, shards })
  } finally {
    await shards?.release()
  }
}

interface ExportAllOptions extends Options {
  readonly force: boolean
  readonly strict: boolean
  readonly read: ReadMasksOptions
  readonly formatOptions: Omit<ExportOptions, 'tell' | 'total' | 'leaveOut'>
  /** What shards have made of it. */
  readonly shards: ExportShards | undefined
}

/** Writes every file; those of images that shards have made are taken over. */
async function exportAll(source: MaskSource, options: ExportAllOptions): Promise<number> {
  const {
    format: formatName,
    out,
    force,
    strict,
    read: reading,
    formatOptions,
    shards,
    signal,
    log,
  } = options
  const format: ExportFormat = FORMATS[formatName]
  const place = await openExportPlace(out, { format, force })
  const lost = collectLost({ title: 'export', log })
  const { masks } = source
  const progress = log.progress({ title: `export ${formatName}`, total: masks.length })
  const unscored = { images: 0 }
  const leftOut = { images: 0 }
  let [done, taken] = [0, 0]
  const take = async (mask: SourceMask): Promise<ExportImage | undefined> => {
    const names = await shards?.filesOf(mask)
    if (names === undefined) return undefined
    for (const name of names) await place.take(name, shards!.at(name))
    taken++
    return madeImage(mask)
  }
  async function* images(): AsyncGenerator<ExportImage> {
    const read = async (mask: SourceMask): Promise<ExportImage | undefined> => {
      if (signal.aborted) throw new Interrupted('export')
      const made = await take(mask)
      if (made !== undefined) return made
      try {
        return await readMask(mask, source, reading)
      } catch (error) {
        if (strict || !(error instanceof InputError)) throw error
        lost.add(mask, error)
        return undefined
      }
    }
    for await (const image of readAhead(masks, read, { ahead: AHEAD })) {
      if (image !== undefined) yield image
      if (image?.scores === undefined && !image?.made) unscored.images++
      progress.update(++done)
    }
  }
  try {
    await format.write(images(), place.files, {
      ...formatOptions,
      total: masks.length,
      tell: sentence => log.info(sentence),
      leaveOut: number => {
        leftOut.images += number
      },
    })
    progress.finish()
    await lost.tell(masks.length)
    refuseMany({ lost: lost.ids.length, total: masks.length })
    if (reading.minScore !== undefined && unscored.images > 0)
      log.info(`${count(unscored.images, 'mask')} have no score (no CAMs) and are kept whole`)
    await place.finish()
  } catch (error) {
    progress.finish()
    await place.discard()
    throw error
  }
  if (taken > 0) log.info(`${taken} of ${count(masks.length, 'mask')} were made by shards`)
  await shards?.remove()
  const written = masks.length - lost.ids.length - leftOut.images
  log.tell(`${count(written, 'mask')} as ${formatName}: ${fromHere(place.path)}`, {
    format: formatName,
    out: fromHere(place.path),
    masks: written,
    lost: lost.ids,
  })
  return written
}

/** An image whose files are there. */
function madeImage({ id, fileName, split, image }: SourceMask): ExportImage {
  const nothing = { width: 0, height: 0, data: new Uint8Array(0), scores: undefined, cams: undefined }
  return { id, fileName, split, image, ...nothing, made: true }
}

/** Throws InputError where most masks, or all, could not be used. */
function refuseMany({ lost, total }: { lost: number; total: number }): void {
  if (lost === 0 || (lost < total && lost <= MOST_LOST * total)) return
  throw new InputError('export', `${lost} of ${count(total, 'mask')} could not be used, as named above`, {
    expected: 'mend what is named, or give the folders and names that belong to these masks',
  })
}

const OPTION_FLAGS: Readonly<Record<FormatOption, string>> = {
  polygons: '--polygons',
  tolerance: '--tolerance',
  colour: '--colour',
  images: '--copy-images',
  imageAddress: '--image-address',
  irn: '--irn',
}

/** Throws InputError for an option that has no effect on the format. */
function refuseOptions(options: ExportMasksOptions, format: ExportFormat): void {
  const { polygons, tolerance, colour, copyImages: images, imageAddress, irn } = options
  const given = { polygons, tolerance, colour, images, imageAddress, irn }
  for (const [name, value] of Object.entries(given) as [FormatOption, unknown][])
    if (value !== undefined && value !== false && !format.options?.includes(name))
      throw new InputError(OPTION_FLAGS[name], `has no effect on ${options.format}`, {
        expected: 'leave it out',
      })
  if (options.format === 'coco' && tolerance !== undefined && !polygons)
    throw new InputError('--tolerance', 'has no effect on run lengths', { expected: 'add --polygons' })
}

function checkOptions({ minScore, tolerance = 0.5 }: ExportMasksOptions): void {
  if (minScore !== undefined && !(minScore >= 0 && minScore <= 1))
    throw new InputError('--min-score', `is ${minScore}`, { expected: 'expected a number from 0 to 1' })
  if (!(tolerance >= 0 && tolerance <= 100))
    throw new InputError('--tolerance', `is ${tolerance}`, { expected: 'expected pixels, from 0 to 100' })
}

/** The target as a run, else as a folder of masks. */
async function openSource(options: Options): Promise<MaskSource> {
  const { target, runs = 'runs', data, images, labels, maps, log } = options
  const run = await findRun(target, { runs }).catch((error: unknown) => error)
  const forMasks = Object.entries({ images, labels, maps }).find(([, value]) => value !== undefined)
  if (typeof run === 'string') {
    if (forMasks !== undefined)
      throw new InputError(`--${forMasks[0]}`, 'is for a folder of masks', { expected: 'leave it out' })
    return runMasks(run, { data, runs, log })
  }
  const isFolder = run instanceof InputError && run.problem.startsWith('is not a run folder')
  if (!isFolder) throw run
  if (data !== undefined)
    throw new InputError('--data', 'is for a run', { expected: 'give the images of masks with --images' })
  return folderMasks(target, { images, labels, maps, log })
}

/** Indices of the classes that are kept. Throws InputError for a name of none. */
function keptClasses({ classes }: MaskSource, { classes: named }: ExportMasksOptions): number[] {
  if (named === undefined) return classes.map((_, k) => k)
  const found = joinedNames(named, classes).map(name => {
    const k = classes.indexOf(name)
    if (k >= 0) return k
    const near = nearestName(name, classes)
    throw new InputError('--classes', `names "${name}", which is no class of these masks`, {
      expected: near === undefined ? `one of ${classes.join(', ')}` : `did you mean ${near}?`,
    })
  })
  return [...new Set(found)]
}

/** Parts of a name with commas, as in a,b for "a,b", are joined to the longest name that is a class. */
function joinedNames(parts: readonly string[], classes: readonly string[]): string[] {
  const names: string[] = []
  for (let at = 0; at < parts.length; ) {
    let length = parts.length - at
    const joined = (): string =>
      parts
        .slice(at, at + length)
        .join(',')
        .trim()
    while (length > 1 && !classes.includes(joined())) length--
    names.push(joined())
    at += length
  }
  return names
}

function refuseWithoutImages({ masks }: MaskSource, format: string): void {
  const without = masks.filter(({ image }) => image === undefined)
  if (without.length === 0) return
  throw new InputError('--images', 'is not given', {
    expected: `${format} needs the images of the masks: --images DIR`,
  })
}

async function refuseWithoutCams({ masks }: MaskSource, format: string): Promise<void> {
  for (const { cams } of masks) if (cams !== undefined && (await exists(cams))) return
  throw new InputError('--maps', 'is not given', {
    expected: `${format} needs the CAMs of the masks: a run that has made maps, or --maps DIR`,
  })
}
