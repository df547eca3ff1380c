/**
 * @file A folder that masks are written into and that is not a run's: nothing is written over what we did not write, and
 * masks of another run or other settings are never taken for ours. Shards share it, each with a record of its own. Imports no torch.
 */

import { lstat, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sample } from '../../data/listing.ts'
import { codeOf, InputError } from '../../errors.ts'
import { removeLeftoversBelow, writeFileAtomic } from '../../io/atomic.ts'
import { count as counted } from '../../io/count.ts'
import type { Log } from '../../train/log.ts'
import { inParallel } from '../images/in-parallel.ts'
import { type Shard, shardOf, shardText } from '../images/shard.ts'
import { hashOf, hashOfFile, type Origin, originOf, stateOf } from '../run/file-origin.ts'
import type { Release } from '../run/lock-file.ts'
import { fromHere } from '../run/run-folder.ts'
import { lockShard, lockWhole } from '../run/shard-lock.ts'
import {
  appendMade,
  type Made,
  type Maker,
  type OutRecord,
  readRecord,
  readShardRecord,
  writeRecord,
} from './out-record.ts'

/** A mask to be made, and the files that it depends on. */
export interface OutImage {
  readonly id: string
  readonly from: readonly string[]
}

export interface OutFolderOptions {
  readonly out: string
  readonly maker: Maker
  readonly images: readonly OutImage[]
  /** Only these of them, and neither texts nor page. */
  readonly shard?: Shard | undefined
  /** Whether each mask also has overlays/ID.png. */
  readonly overlays: boolean
  /** Texts that explain the masks, by file name. */
  readonly texts: ReadonlyMap<string, string>
  /** Files of the page that shows the masks, report.html and report/FOLDER/NAME; default: none. */
  readonly page?: readonly string[]
  /** Recompute masks that are there, also those of another maker. */
  readonly force: boolean
  readonly log: Log
}

/** A folder that was looked through; nothing is changed before `begin`. */
export interface OutFolder {
  /** Images whose masks are to be made; the others are there. */
  readonly open: ReadonlySet<string>
  /** Makes the folder and locks it, deletes what is to be recomputed, and writes the record and the texts. Throws InputError where another process is at work there. */
  begin(): Promise<void>
  /** Unlocks it. */
  end(): Promise<void>
  /** Writes ID.png and overlays/ID.png. */
  write(image: OutImage, files: { readonly mask: Uint8Array; readonly overlay?: Uint8Array }): Promise<void>
  /** Whether the page has to be made: masks are, or files of it are not there. */
  readonly pageOpen: boolean
  /** Writes a file of the page. */
  writePage(file: string, data: Uint8Array): Promise<void>
}

/** What a system leaves in folders, and what a killed process of ours does. */
const LEFT =
  /^(\.DS_Store|\.tagmask-lock(\.gate|\.[a-z]+\.\d+-of-\d+)?|Thumbs\.db|desktop\.ini|\.tagmask-.*\.tmp|\..*\.\d+\.[0-9a-f]{8}\.tmp)$/
type State = 'absent' | 'ours' | 'changed'

/**
 * Looks the folder through. Throws InputError, with nothing changed, for a folder with files of somebody else, for masks
 * that were made by another run or with other settings (unless `force`), and for files that were changed since.
 */
export async function openOutFolder(options: OutFolderOptions): Promise<OutFolder> {
  const { out, maker, overlays, shard, force, log } = options
  const images = shardOf(options.images, shard)
  const [texts, page] =
    shard === undefined ? [options.texts, options.page ?? []] : [new Map<string, string>(), []]
  const found = await namesIn(out)
  const record: OutRecord = (await readRecord(out)) ?? refuseForeign(out, found)
  for (const folder of foldersOf({ overlays, page })) await refuseStrange(join(out, folder))
  const own = new Set(images.flatMap(({ id }) => [`${id}.png`, `overlays/${id}.png`]))
  const states = await statesOf(
    out,
    [...record.made.values()].filter(({ file }) => shard === undefined || own.has(file)),
  )
  const made = (file: string): Made | undefined =>
    states.get(file) === 'absent' ? undefined : record.made.get(file)
  const targets = ({ id }: OutImage): string[] => [`${id}.png`, ...(overlays ? [`overlays/${id}.png`] : [])]

  const others = [...record.made.values()].filter(
    ({ file, by, from }) => from.length > 0 && by !== maker.key && made(file) !== undefined,
  )
  const wanted = new Set(options.images.flatMap(({ id }) => [`${id}.png`, `overlays/${id}.png`]))
  refuseOthers(options, record, { others, wanted })

  const open = new Set<string>()
  const renewed: string[] = []
  const seen = new Map<string, string>() // states of the files before anything is made from them
  await inParallel(images, async image => {
    for (const path of image.from) seen.set(path, await stateOf(path))
    const entries = targets(image).map(made)
    if (entries.every(entry => entry?.by === maker.key)) {
      const changed = await changedOrigin(image, entries[0]!)
      if (changed === undefined && !force) return
      if (changed !== undefined) renewed.push(image.id)
      if (changed !== undefined && changed.path !== changed.was && !force) {
        throw new InputError(join(out, `${image.id}.png`), `is the mask of another image, ${changed.was}`, {
          expected: 'nothing was changed; give another --out, or --force to recompute it',
        })
      }
    }
    open.add(image.id)
  })
  const writes = images.filter(({ id }) => open.has(id)).flatMap(targets)
  const differing = await differingTexts(out, texts)
  const isAbsent = (file: string): boolean => (states.get(file) ?? 'absent') === 'absent'
  const pageOpen = page.length > 0 && (force || open.size > 0 || page.some(isAbsent))
  const pages = pageOpen ? pagesBefore(record, page) : []
  await refuseTheirs(out, [...writes, ...differing, ...pages], states)
  tell({ ...options, images }, { open, renewed, states })
  let release: Release = async () => {}

  return {
    open,
    pageOpen,
    async begin() {
      await makeOut(out)
      release = await lockOut(out, { work: maker.command, shard, log })
      await removeLeftoversBelow(out)
      const gone = new Set([...writes, ...differing, ...pages].filter(file => states.get(file) === 'ours'))
      await inParallel([...gone], file => rm(join(out, file), { force: true }))
      const before = shard === undefined ? record : await readShardRecord(out, shard)
      const kept = [...before.made].filter(([file]) => made(file) !== undefined && !gone.has(file))
      const used = new Set(kept.map(([, { by }]) => by))
      const makers = [...record.makers].filter(([key]) => used.has(key))
      const now = { makers: new Map([...makers, [maker.key, maker]]), made: new Map(kept) }
      await writeRecord(out, now, { shard })
      for (const folder of foldersOf({ overlays, page })) await makeOut(join(out, folder))
      for (const file of differing) await put(file, Buffer.from(texts.get(file)!), [])
    },
    end: () => release(),
    async write({ id, from }, { mask, overlay }) {
      const now = await Promise.all(from.map(path => originOf(path)))
      const origins = now.map(at => (at.state === seen.get(at.path) ? at : { ...at, content: 'unknown' }))
      if (overlay !== undefined) await put(`overlays/${id}.png`, overlay, origins)
      await put(`${id}.png`, mask, origins)
    },
    writePage: (file, data) => put(file, data, []),
  }

  async function put(file: string, data: Uint8Array, from: readonly Origin[]): Promise<void> {
    await appendMade(out, { file, hash: hashOf(data), by: maker.key, from }, { shard })
    await writeFileAtomic(join(out, file), data)
  }
}

/** Alone, or for one shard beside others. */
async function lockOut(
  out: string,
  { work, shard, log }: { work: string; shard: Shard | undefined; log: Log },
): Promise<Release> {
  const place = { folder: out, prefix: '.tagmask-lock', what: 'folder', another: 'give another --out' }
  const onDoubt = (sentence: string): void => log.info(sentence)
  if (shard === undefined) return lockWhole(place, { onDoubt })
  const [name = work] = work.split(' ')
  const release = await lockShard(place, { work: name, shard, onDoubt }, async () => true)
  return release!
}

/** The folders inside the folder, each after the one that it lies in. */
function foldersOf({ overlays, page }: { overlays: boolean; page: readonly string[] }): string[] {
  const folders = new Set(page.map(file => dirname(file)).filter(folder => folder !== '.'))
  return [...(overlays ? ['overlays'] : []), ...(folders.size > 0 ? ['report'] : []), ...folders]
}

/** The files of the page, and those that an earlier one with more images has left. */
function pagesBefore({ made }: OutRecord, page: readonly string[]): string[] {
  const before = [...made.keys()].filter(file => file.startsWith('report/'))
  return [...new Set([...before, ...page])]
}

async function makeOut(folder: string): Promise<void> {
  await makeBelow(folder).catch((cause: unknown) => {
    const expected = 'choose a place that can be written to'
    throw new InputError(folder, 'the folder cannot be created', { field: '--out', expected, cause })
  })
}

/** A folder and those above it. Node's own `recursive` never ends where a folder above it cannot be made (/proc). */
async function makeBelow(folder: string): Promise<void> {
  try {
    await mkdir(folder)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error
    await makeBelow(dirname(folder))
    await mkdir(folder)
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return []
    throw new InputError(folder, 'is no folder that can be listed', {
      field: '--out',
      expected: 'give a new or empty folder',
      cause,
    })
  }
}

/** Of a folder without a record: it must be empty. */
function refuseForeign(out: string, found: readonly string[]): OutRecord {
  const theirs = found.filter(name => !LEFT.test(name))
  if (theirs.length === 0) return { makers: new Map(), made: new Map() }
  throw new InputError(out, `holds files that tagmask did not write: ${sample(theirs)}`, {
    field: '--out',
    expected: 'nothing was changed; give a new or empty folder',
  })
}

/** It must be a folder of ours, not a link to somewhere else. */
async function refuseStrange(folder: string): Promise<void> {
  const found = await lstat(folder).catch(() => undefined)
  if (found === undefined || found.isDirectory()) return
  throw new InputError(folder, 'is a link or a file, where a folder would be', {
    expected: 'nothing was changed; give a new or empty folder',
  })
}

async function statesOf(out: string, made: readonly Made[]): Promise<Map<string, State>> {
  const states = new Map<string, State>()
  await inParallel(made, async ({ file, hash }) => {
    const path = join(out, file)
    const found = await lstat(path).catch(() => undefined)
    if (found === undefined) states.set(file, 'absent')
    else states.set(file, found.isFile() && (await hashOfFile(path)) === hash ? 'ours' : 'changed')
  })
  return states
}

/** Masks of another maker: refused, or with `force` recomputed where their images are there. */
function refuseOthers(
  { out, maker, force }: OutFolderOptions,
  { makers }: OutRecord,
  { others, wanted }: { others: readonly Made[]; wanted: ReadonlySet<string> },
): void {
  const left = force ? others.filter(({ file }) => !wanted.has(file)) : others
  const [first] = left
  if (first === undefined) return
  const other = makers.get(first.by)
  const masks = left.map(({ file }) => file).filter(file => !file.startsWith('overlays/'))
  const how =
    other === undefined || other.command !== maker.command
      ? `by ${other === undefined ? 'something else' : `tagmask ${other.command}`}`
      : other.run !== maker.run && other.weights !== maker.weights
        ? `by the run ${other.run === null ? 'of another folder' : fromHere(other.run)}`
        : other.weights !== maker.weights
          ? 'with other weights of this run'
          : 'with other settings'
  const count = masks.length === 1 ? '1 mask that was made' : `${masks.length} masks that were made`
  throw new InputError(out, `holds ${count} ${how}: ${sample(masks.sort())}`, {
    field: '--out',
    expected: force
      ? 'nothing was changed; their images are not among those given, so that --force cannot recompute them: give another --out'
      : 'nothing was changed; give another --out, or --force to recompute them',
  })
}

/** The first file that is not what it was when the mask was made. */
async function changedOrigin(
  { from }: OutImage,
  made: Made,
): Promise<{ path: string; was: string } | undefined> {
  for (const [i, path] of from.entries()) {
    const known = made.from[i]
    const now = await originOf(path, known).catch(() => undefined)
    if (known === undefined || now?.content !== known.content || known.content === 'unknown')
      return { path, was: known?.path ?? path }
  }
  return undefined
}

/** Names of texts that are not there as they should be. */
async function differingTexts(out: string, texts: ReadonlyMap<string, string>): Promise<string[]> {
  const differing: string[] = []
  for (const [name, text] of texts) {
    const there = await hashOfFile(join(out, name)).catch(() => undefined)
    if (there !== hashOf(text)) differing.push(name)
  }
  return differing
}

/** Files that would be written, and are there, and are not as we wrote them. */
async function refuseTheirs(
  out: string,
  files: readonly string[],
  states: ReadonlyMap<string, State>,
): Promise<void> {
  const foreign: string[] = []
  const changed: string[] = []
  await inParallel(files, async file => {
    const state = states.get(file)
    if (state === 'changed') changed.push(file)
    else if (state !== 'ours' && (await lstat(join(out, file)).catch(() => undefined)) !== undefined)
      foreign.push(file)
  })
  const expected = 'nothing was changed; move them away, or give another --out'
  const [theirs, what] =
    foreign.length > 0
      ? [foreign, 'tagmask did not write']
      : [changed, 'were changed since tagmask wrote them']
  if (theirs.length > 0)
    throw new InputError(out, `holds files that ${what}: ${sample(theirs.sort())}`, {
      field: '--out',
      expected,
    })
}

/** What is kept and what is recomputed, in a line each. */
function tell(
  { images, force, log }: OutFolderOptions,
  {
    open,
    renewed,
    states,
  }: { open: ReadonlySet<string>; renewed: readonly string[]; states: ReadonlyMap<string, State> },
): void {
  const kept = images.filter(({ id }) => !open.has(id))
  if (kept.length > 0) log.info(`${kept.length} of ${counted(images.length, 'mask')} were there before`)
  if (renewed.length > 0 && !force) {
    const count =
      renewed.length === 1
        ? '1 image has changed since: its mask is'
        : `${renewed.length} images have changed since: their masks are`
    log.info(`${count} recomputed: ${sample([...renewed].sort())}`)
  }
  const touched = kept.map(({ id }) => `${id}.png`).filter(file => states.get(file) === 'changed')
  if (touched.length > 0)
    log.warn(`changed since tagmask wrote them, and kept as they are: ${sample(touched)}`)
}

/** What the last line of a shard says. */
export function shardWords(
  { shard, images, total, lost }: { shard: Shard; images: number; total: number; lost: readonly string[] },
  { of, out }: { of: string; out: string },
): string {
  const but = lost.length === 0 ? '' : `, but for ${lost.length} that could not be used`
  return `shard ${shardText(shard)} of ${of}: ${images.toLocaleString('en-US')} of ${counted(total, 'image')} in ${fromHere(out)}${but}; when all shards are done, run the same command without --shard`
}
