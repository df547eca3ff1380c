/**
 * @file OUT.shards beside the place of an export: files of single images, made by several processes. Each has a record, 2-of-8.jsonl,
 * of the images it has made and the state of their masks; an export of all takes the files over. Imports no torch.
 */
import { appendFile, readdir, readFile, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sample } from '../../data/listing.ts'
import { InputError } from '../../errors.ts'
import { explainWriteError, removeLeftoversBelow, writeFileAtomic } from '../../io/atomic.ts'
import type { Log } from '../../train/log.ts'
import { exists } from '../images/image-pass.ts'
import { type Shard, shardText } from '../images/shard.ts'
import { stateOf } from '../run/file-origin.ts'
import type { Release } from '../run/lock-file.ts'
import { fromHere, makeFolder } from '../run/run-folder.ts'
import { realPlace } from '../run/run-place.ts'
import { type LockPlace, lockShard, lockWhole } from '../run/shard-lock.ts'
import type { SourceMask } from './mask-source.ts'

/** An image whose files are made, by their names below OUT. */
export interface MadeImage {
  readonly id: string
  /** Of its mask and CAMs when they were read. */
  readonly state: string
  readonly files: readonly string[]
}

export interface ExportShards {
  readonly folder: string
  /** The files of the image, of the mask and CAMs as they are now; undefined where they are not made, or gone. */
  filesOf(mask: SourceMask): Promise<readonly string[] | undefined>
  /** The file of that name. */
  at(name: string): string
  /** Notes an image whose files are written. */
  note(image: MadeImage): Promise<void>
  /** Removes what shards have made. */
  remove(): Promise<void>
  readonly release: Release
}

export interface OpenShardsOptions {
  /** Hash of all that decides what the files hold. */
  readonly settings: string
  /** Of all: undefined. */
  readonly shard?: Shard | undefined
  readonly log: Log
}

const KIND = 'tagmask export shard'
const RECORD = /^\d+-of-\d+\.jsonl$/
const LOCK = '.lock'

/** Where the shards of an export put their files. */
export async function placeOfShards(out: string): Promise<string> {
  return `${await realPlace(out)}.shards`
}

/**
 * Opens and locks the folder; for all shards undefined where there is none. Throws InputError for a folder of somebody else, or of an
 * export with other settings, and when another process is at work on the shard, or on any of them.
 */
export async function openShards(
  out: string,
  { settings, shard, log }: OpenShardsOptions,
): Promise<ExportShards | undefined> {
  const folder = await placeOfShards(out)
  if (shard === undefined && !(await namesIn(folder)).some(name => RECORD.test(name))) return undefined
  await refuseForeign(folder)
  await makeFolder(folder)
  const place: LockPlace = { folder, prefix: LOCK, what: 'folder', another: 'give another --out' }
  const onDoubt = (sentence: string): void => log.info(sentence)
  const release =
    shard === undefined
      ? await lockWhole(place, { onDoubt })
      : (await lockShard(place, { work: 'export', shard, onDoubt }, async () => true))!
  try {
    const own = shard && join(folder, `${shard.index}-of-${shard.count}.jsonl`)
    const made = await readMade(folder, settings)
    if (own !== undefined && !(await exists(own)))
      await writeFileAtomic(own, `${JSON.stringify({ kind: KIND, settings })}\n`)
    if (shard === undefined) await removeLeftoversBelow(folder)
    const at = (name: string): string => join(folder, 'files', name)
    return {
      folder,
      at,
      async filesOf(mask) {
        const entries = made.get(mask.id)
        if (entries === undefined) return undefined
        const state = await stateOfMask(mask)
        const files = entries.find(one => one.state === state)?.files
        const there = await Promise.all((files ?? []).map(name => exists(at(name))))
        return there.every(Boolean) ? files : undefined
      },
      async note(image) {
        await appendFile(own!, `${JSON.stringify(image)}\n`).catch((error: unknown) => {
          throw explainWriteError(own!, error)
        })
      },
      async remove() {
        for (const { files } of [...made.values()].flat())
          for (const name of files) await rm(at(name), { force: true })
        for (const name of await namesIn(folder)) if (RECORD.test(name)) await rm(join(folder, name))
        await release()
        await removeEmpty(folder)
      },
      release,
    }
  } catch (error) {
    await release()
    throw error
  }
}

/** The state of an image's mask and CAMs. */
export async function stateOfMask({ mask, cams }: SourceMask): Promise<string> {
  const states = await Promise.all([mask, ...(cams === undefined ? [] : [cams])].map(stateOf))
  return states.join(', ')
}

/** What the last line of a shard says. */
export function shardLine(
  { shard, images, total, lost }: { shard: Shard; images: number; total: number; lost: number },
  { format, folder, out }: { format: string; folder: string; out: string },
): string {
  const but = lost === 0 ? '' : `, but for ${lost} that could not be used`
  const [own, all] = [images.toLocaleString('en-US'), total.toLocaleString('en-US')]
  return `shard ${shardText(shard)} of ${format}: ${own} of ${all} masks in ${fromHere(folder)}${but}; when all shards are done, run the same command without --shard, which puts them into ${fromHere(out)}`
}

/** What all records of the folder name, by id. Throws InputError for a record of other settings; lines that were cut short are left out. */
export async function readMade(folder: string, settings: string): Promise<Map<string, MadeImage[]>> {
  const made = new Map<string, MadeImage[]>()
  for (const name of (await namesIn(folder)).filter(one => RECORD.test(one))) {
    const [first = '', ...lines] = (await readFile(join(folder, name), 'utf8')).split('\n')
    const head = parsed(first)
    if (head.kind !== KIND || head.settings !== settings)
      throw new InputError(join(folder, name), 'is of shards of another export, or with other settings', {
        field: '--out',
        expected: 'give the same flags as for those, another --out, or delete its folder',
      })
    for (const line of lines) {
      const { id, state, files } = parsed(line)
      const isMade = typeof id === 'string' && typeof state === 'string' && isNames(files)
      if (!isMade) continue
      const known = made.get(id)
      if (known === undefined) made.set(id, [{ id, state, files }])
      else known.push({ id, state, files })
    }
  }
  return made
}

/** An object without content from a line that was cut short. */
function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Names that stay below the folder. */
function isNames(value: unknown): value is string[] {
  const isName = (name: unknown): boolean =>
    typeof name === 'string' && name !== '' && !name.split('/').some(part => part === '..' || part === '')
  return Array.isArray(value) && value.every(isName)
}

async function refuseForeign(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined) return
  const expected = 'nothing was changed; give another --out, or move it away'
  if (!found.isDirectory()) throw new InputError(folder, 'is a file, where a folder would be', { expected })
  const names = await namesIn(folder)
  const ours = names.some(name => RECORD.test(name) || name.startsWith(LOCK))
  const theirs = names.filter(
    name => !RECORD.test(name) && !name.startsWith('.') && !(ours && name === 'files'),
  )
  if (theirs.length > 0)
    throw new InputError(folder, `holds files that are not of an export: ${sample(theirs)}`, { expected })
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort()
}

/** The folder and those below it that are empty. */
async function removeEmpty(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const folders = entries.filter(one => one.isDirectory()).map(one => join(one.parentPath, one.name))
  for (const path of [...folders.sort((a, b) => b.length - a.length), folder])
    await rmdir(path).catch(() => undefined)
}
