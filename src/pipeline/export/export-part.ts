/** @file One shard of an export: the files of its images alone, in OUT.shards. Imports no torch. */
import { constants, copyFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError, TagmaskError } from '../../errors.ts'
import type { ExportFiles, ExportFormat, ExportImage, ExportOptions } from '../../export/index.ts'
import { FORMATS } from '../../export/index.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { count } from '../../io/count.ts'
import { temporaryName } from '../../io/temporary-name.ts'
import type { Log } from '../../train/log.ts'
import { collectLost } from '../images/lost-images.ts'
import { readAhead } from '../images/read-ahead.ts'
import { ofShard, type Shard, shardOf, shardText } from '../images/shard.ts'
import { fromHere, makeFolder } from '../run/run-folder.ts'
import { Interrupted } from '../run/stage.ts'
import { type ExportShards, openShards, shardLine, stateOfMask } from './export-shards.ts'
import type { MaskSource, SourceMask } from './mask-source.ts'
import { type ReadMasksOptions, readMask } from './read-masks.ts'

export interface ExportPartOptions {
  readonly read: ReadMasksOptions
  readonly out: string
  readonly shard: Shard
  readonly name: string
  readonly format: ExportFormat
  readonly formatOptions: Omit<ExportOptions, 'tell' | 'leaveOut' | 'total'>
  /** Hash of all that decides what the files hold. */
  readonly settings: string
  readonly strict: boolean
  readonly signal: AbortSignal
  readonly log: Log
}

const AHEAD = 4 // masks in memory

/** Throws InputError for a format that is not made image by image. */
export function refuseWhole(format: ExportFormat, name: string): void {
  if (format.perImage) return
  const able = Object.entries<ExportFormat>(FORMATS).flatMap(([one, { perImage }]) => (perImage ? [one] : []))
  throw new InputError('--shard', `is for formats with a file for each image, and ${name} has one for all`, {
    expected: `export it without --shard; in shards: ${able.slice(0, -1).join(', ')} and ${able.at(-1)}`,
  })
}

/** Writes the files of the shard's images that are not there; returns how many of its images have them. Throws InputError, and Interrupted after an abort. */
export async function exportPart(source: MaskSource, options: ExportPartOptions): Promise<number> {
  const { out, shard, name, format, formatOptions, settings, strict, signal, log } = options
  const shards = (await openShards(out, { settings, shard, log }))!
  const title = ofShard(`export ${name}`, shard)
  const lost = collectLost({ title, log })
  const own = shardOf(source.masks, shard)
  try {
    const open: SourceMask[] = []
    for (const mask of own) if ((await shards.filesOf(mask)) === undefined) open.push(mask)
    let done = own.length - open.length
    const progress = log.progress({ title, total: own.length, start: done })
    const files = filesOfPart(shards)
    const images = async function* (): AsyncGenerator<ExportImage> {
      const read = async (mask: SourceMask) => {
        if (signal.aborted) throw new Interrupted('export')
        try {
          const state = await stateOfMask(mask)
          return { state, image: await readMask(mask, source, options.read) }
        } catch (error) {
          if (strict || !(error instanceof InputError)) throw error
          lost.add(mask, error)
          return undefined
        }
      }
      for await (const one of readAhead(open, read, { ahead: AHEAD })) {
        if (one !== undefined) {
          const { image, state } = one
          const names = files.begin()
          yield image
          files.end()
          await shards.note({ id: image.id, state, files: names })
        }
        progress.update(++done)
      }
    }
    try {
      await format.write(images(), files, {
        ...formatOptions,
        total: own.length,
        tell: () => {}, // of what concerns all images
        leaveOut: () => {},
      })
    } finally {
      progress.finish()
      await lost.tell(own.length)
    }
    if (own.length > 0 && lost.ids.length === own.length)
      throw new InputError(title, `none of ${count(own.length, 'mask')} could be used, as named above`, {
        expected: 'mend what is named, or give the folders and names that belong to these masks',
      })
  } finally {
    await shards.release()
  }
  const numbers = { shard, images: own.length, total: source.masks.length, lost: lost.ids.length }
  log.tell(shardLine(numbers, { format: name, folder: shards.folder, out }), {
    format: name,
    ...numbers,
    shard: shardText(shard),
    out: fromHere(shards.folder),
    lost: lost.ids,
  })
  return own.length - lost.ids.length
}

/** Files of the image between `begin` and `end`; those of all images, before and after, are left to the export of all. */
function filesOfPart({ at }: ExportShards): ExportFiles & { begin(): readonly string[]; end(): void } {
  const written = new Set<string>()
  let current: string[] | undefined
  const place = async (name: string): Promise<string | undefined> => {
    if (current === undefined) return undefined
    if (written.has(name))
      throw new InputError(name, 'would be the file of two images of one name', {
        field: '--out',
        expected: 'rename one of the images, or take it out',
      })
    written.add(name)
    current.push(name)
    await makeFolder(dirname(at(name)))
    return at(name)
  }
  const never = (): never => {
    throw new TagmaskError('a format that is made image by image has no file of all images')
  }
  return {
    begin() {
      current = []
      return current
    },
    end() {
      current = undefined
    },
    async put(name, data) {
      const target = await place(name)
      if (target !== undefined) await writeFileAtomic(target, data)
    },
    async copy(name, from) {
      const target = await place(name)
      if (target === undefined) return
      const temporary = join(dirname(target), temporaryName())
      await copyFile(from, temporary, constants.COPYFILE_FICLONE)
      await rename(temporary, target)
    },
    write: never,
    putAside: never,
  }
}
