/** @file Where an export goes: written beside its place under a temporary name, and moved there whole once it has ended. Imports no torch. */
import { constants, copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sample } from '../../data/listing.ts'
import { InputError } from '../../errors.ts'
import type { AsideText, ExportFiles, ExportFormat } from '../../export/index.ts'
import { explainWriteError, removeLeftovers, writeFileAtomic } from '../../io/atomic.ts'
import { temporaryName } from '../../io/temporary-name.ts'
import { exists } from '../images/image-pass.ts'
import { inParallel } from '../images/in-parallel.ts'
import { hashOfFile } from '../run/file-origin.ts'
import { makeFolder } from '../run/run-folder.ts'
import { realPlace } from '../run/run-place.ts'

/** In a folder of an export: the hash of each file, so that a later one replaces nothing that was changed. */
const RECORD = 'tagmask-export.json'
const KIND = 'tagmask export'

export interface ExportPlace {
  /** Where it will be. */
  readonly path: string
  readonly files: ExportFiles
  /** Takes a file over that is made already: a link where the disk has them. */
  take(name: string, from: string): Promise<void>
  /** Moves what was written to its place. Throws InputError when something has come there since. */
  finish(): Promise<void>
  /** Removes what was written. */
  discard(): Promise<void>
}

/**
 * Opens `out`: the folder, or the file of a format of one file when it has its ending. Throws InputError when something is
 * there: with `force` a folder that an export has made and nobody has changed is replaced, nothing else.
 */
export async function openExportPlace(
  out: string,
  { format: { file }, force }: { format: Pick<ExportFormat, 'file'>; force: boolean },
): Promise<ExportPlace> {
  const place = await realPlace(out) // a link stays one
  const isFile = file !== undefined && place.toLowerCase().endsWith(endingOf(file))
  if (!isFile && /\.(zip|json|geojson|txt|xml|ya?ml|png|npy)$/i.test(place) && !(await exists(place)))
    throw new InputError(out, 'has the name of a file', {
      field: '--out',
      expected: `this format writes ${file === undefined ? 'a folder' : `${file}, or a folder that holds it`}`,
    })
  await refuseTheirs(out, place, { isFile, force })
  await makeFolder(dirname(place))
  await removeLeftovers(dirname(place))
  const temporary = join(dirname(place), temporaryName())
  await mkdir(temporary).catch((error: unknown) => {
    throw explainWriteError(place, error)
  })
  const written = new Set<string>()
  const at = async (name: string): Promise<string> => {
    const target = join(temporary, name)
    if (!target.startsWith(temporary)) throw new InputError(name, 'leads out of the folder of the export')
    if (written.has(target))
      throw new InputError(name, 'would be the file of two images of one name', {
        field: '--out',
        expected: 'rename one of the images, or take it out',
      })
    written.add(target)
    await makeFolder(dirname(target))
    return target
  }
  return {
    path: place,
    files: {
      put: async (name, data) => writeFileAtomic(await at(name), data),
      copy: async (name, from) => {
        await copyFile(from, await at(name), constants.COPYFILE_FICLONE)
      },
      async write(name, pieces) {
        const target = await at(name)
        const handle = await open(target, 'wx')
        try {
          for await (const piece of pieces) await handle.appendFile(piece)
        } catch (error) {
          throw explainWriteError(target, error)
        } finally {
          await handle.close()
        }
      },
      putAside: () => putAside(temporary),
    },
    async take(name, from) {
      const target = await at(name)
      await link(from, target).catch(() => copyFile(from, target))
    },
    async finish() {
      await refuseTheirs(out, place, { isFile, force })
      if (isFile) await rename(join(temporary, file), place)
      else {
        await writeFileAtomic(join(temporary, RECORD), JSON.stringify(await recordOf(temporary)))
        const before = join(dirname(place), temporaryName())
        const wasThere = await rename(place, before).then(
          () => true,
          () => false,
        )
        await rename(temporary, place)
        if (wasThere) await rm(before, { recursive: true, force: true })
      }
      await rm(temporary, { recursive: true, force: true })
    },
    discard: () => rm(temporary, { recursive: true, force: true }),
  }
}

/** A file without a name: its bytes go with its handle. */
async function putAside(folder: string): Promise<AsideText> {
  const path = join(folder, temporaryName())
  const handle = await open(path, 'wx+')
  await rm(path)
  return {
    add: async text => {
      await handle.appendFile(text).catch((error: unknown) => {
        throw explainWriteError(folder, error)
      })
    },
    pieces: () => handle.createReadStream({ start: 0, autoClose: false }),
    close: () => handle.close(),
  }
}

const endingOf = (file: string): string => file.slice(file.lastIndexOf('.'))

/** Throws InputError when something is there that an export must not replace. */
export async function refuseTaken(
  out: string,
  { format: { file }, force }: { format: Pick<ExportFormat, 'file'>; force: boolean },
): Promise<void> {
  const place = await realPlace(out)
  const isFile = file !== undefined && place.toLowerCase().endsWith(endingOf(file))
  await refuseTheirs(out, place, { isFile, force })
}

async function refuseTheirs(
  out: string,
  place: string,
  { isFile, force }: { isFile: boolean; force: boolean },
): Promise<void> {
  const refuse = (problem: string, expected: string): never => {
    throw new InputError(out, problem, { field: '--out', expected: `nothing was changed; ${expected}` })
  }
  const found = await stat(place).catch(() => undefined)
  if (found === undefined) return
  if (isFile || !found.isDirectory())
    refuse('is there already, and a file is never written over', 'give another name, or remove it first')
  const names = await filesBelow(place)
  if (names.length === 0) return
  const made = await readRecord(place)
  if (made === undefined) return refuse('holds files that are not of an export', 'give a new or empty folder')
  if (!force) return refuse('holds an export already', 'give another folder, or --force to replace it')
  const theirs: string[] = []
  await inParallel(names, async name => {
    if (name !== RECORD && made[name] !== (await hashOfFile(join(place, name)))) theirs.push(name)
  })
  if (theirs.length > 0)
    refuse(
      `holds files that you changed or added: ${sample(theirs.sort())}`,
      'move them away, or give another folder',
    )
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => !entry.isDirectory())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
}

async function recordOf(folder: string): Promise<{ kind: string; files: Record<string, string> }> {
  const hashes = new Map((await filesBelow(folder)).sort().map(name => [name, '']))
  await inParallel([...hashes.keys()], async name => {
    hashes.set(name, await hashOfFile(join(folder, name)))
  })
  return { kind: KIND, files: Object.fromEntries(hashes) }
}

async function readRecord(folder: string): Promise<Record<string, string> | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, RECORD), 'utf8'))
    const isRecord = typeof value === 'object' && value !== null && 'files' in value && 'kind' in value
    return isRecord && value.kind === KIND ? (value.files as Record<string, string>) : undefined
  } catch {
    return undefined
  }
}
