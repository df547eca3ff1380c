import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FORMATS, type FormatName } from '../../export/index.ts'
import { writeLabelMap } from '../../io/indexed-png.ts'
import { legendFiles } from '../../io/label-legend.ts'
import { fromFloat32 } from '../../io/tensor-data.ts'
import { createLog, silentLog } from '../../train/log.ts'
import { writeCams } from '../images/cam-file.ts'
import { type ExportMasksOptions, exportMasks } from './export-masks.ts'
import { openShards } from './export-shards.ts'

// Masks of 8 x 4 pixels: a block of one of two classes in each.
const [WIDTH, HEIGHT] = [8, 4]
const IDS = [...'abcdefg']

let folder = ''
let lines: string[] = []
const at = (...names: string[]): string => join(folder, ...names)

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-export-shards-'))
  lines = []
  for (const name of ['masks', 'photos', 'maps']) await mkdir(at(name))
  for (const [name, text] of legendFiles(['background', 'cat', 'dog']))
    await writeFile(at('masks', name), text)
  for (const [i, id] of IDS.entries()) {
    await writeMask(id, i)
    await sharp(Buffer.alloc(WIDTH * HEIGHT * 3, 90 + i), {
      raw: { width: WIDTH, height: HEIGHT, channels: 3 },
    })
      .jpeg()
      .toFile(at('photos', `${id}.jpg`))
    const cam = Float32Array.from({ length: 2 * WIDTH * HEIGHT }, (_, p) => ((p + i) % 10) / 10)
    await writeCams(at('maps', `${id}.safetensors`), {
      cam: fromFloat32(cam, [2, HEIGHT, WIDTH]),
      classes: [0, 1],
    })
  }
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function writeMask(id: string, i: number): Promise<void> {
  const data = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, p) =>
    p % WIDTH > i % 5 && p > WIDTH ? 1 + (i % 2) : 0,
  )
  await writeLabelMap(at('masks', `${id}.png`), { width: WIDTH, height: HEIGHT, data })
}

const run = (change: Partial<ExportMasksOptions> = {}): Promise<number> =>
  exportMasks({
    target: at('masks'),
    format: 'png',
    out: at('out'),
    images: at('photos'),
    maps: at('maps'),
    log: createLog({ stream: { write: text => lines.push(text) }, env: {} }),
    ...change,
  })

async function contents(root: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter(one => !one.isDirectory()).map(one => join(one.parentPath, one.name))
  return new Map(
    await Promise.all(
      files.sort().map(async file => [file.slice(root.length + 1), await readFile(file)] as const),
    ),
  )
}

const shard = (index: number, count = 3) => ({ shard: { index, count } })
const able = (Object.keys(FORMATS) as FormatName[]).filter(name => 'perImage' in FORMATS[name])
const OPTIONS: Partial<Record<FormatName, Partial<ExportMasksOptions>>> = {
  yolo: { copyImages: true },
  labelme: { minScore: 0.4 },
  npy: { irn: true },
}

describe('an export in shards', () => {
  it.each(able)('%s is byte for byte that of one process', async format => {
    const change = { format, ...OPTIONS[format] }
    await run({ ...change, out: at('alone') })
    expect(await run({ ...change, ...shard(1) })).toBe(3)
    expect(await run({ ...change, ...shard(3) })).toBe(2)
    expect(await readdir(folder)).not.toContain('out')
    lines = []
    expect(await run(change)).toBe(7) // and what the second would have made
    expect(lines).toContain('5 of 7 masks were made by shards\n')
    expect(await contents(at('out'))).toEqual(await contents(at('alone')))
    expect(await readdir(folder)).not.toContain('out.shards')
  })

  it('says what it has made and how to go on, and makes nothing twice', async () => {
    await run(shard(2))
    const file = at('out.shards', 'files', 'b.png')
    const { mtimeMs } = await stat(file)
    expect(lines.at(-1)).toBe(
      `shard 2/3 of png: 2 of 7 masks in ${at('out.shards')}; when all shards are done, run the same command without --shard, which puts them into ${at('out')}\n`,
    )
    await rm(at('out.shards', 'files', 'e.png'))
    await run(shard(2))
    expect((await stat(file)).mtimeMs).toBe(mtimeMs)
    await run(shard(1, 2)) // cut in another way
    expect((await stat(file)).mtimeMs).toBe(mtimeMs)
    expect((await readdir(at('out.shards', 'files'))).sort()).toEqual([...'abceg'].map(id => `${id}.png`))
  })

  it('makes anew what was made of a mask that has changed', async () => {
    await run({ ...shard(1, 1) })
    await writeMask('c', 5)
    expect(await run()).toBe(7)
    expect(lines).toContain('6 of 7 masks were made by shards\n')
    expect(await readFile(at('out', 'c.png'))).toEqual(await readFile(at('masks', 'c.png')))
  })

  it('names masks that cannot be used, and leaves them to the export of all', async () => {
    await writeFile(at('masks', 'd.png'), 'cut short')
    expect(await run(shard(1))).toBe(2)
    expect(
      lines.filter(line =>
        line.startsWith('warning: export png, shard 1/3: 1 of 3 images could not be used'),
      ),
    ).toHaveLength(1)
    expect(lines.at(-1)).toContain(': 3 of 7 masks in')
    expect(await run()).toBe(6)
    await writeFile(at('masks', 'g.png'), 'cut short')
    await writeFile(at('masks', 'a.png'), 'cut short')
    await expect(run({ ...shard(1), out: at('other') })).rejects.toThrow(
      'export png, shard 1/3: none of 3 masks could be used, as named above; mend what is named, or give the folders and names that belong to these masks',
    )
  })

  it('goes on after a process was killed, also with a record that was cut short', async () => {
    await run(shard(1, 1))
    const record = at('out.shards', '1-of-1.jsonl')
    const text = await readFile(record, 'utf8')
    await writeFile(record, text.slice(0, -10))
    expect(await run()).toBe(7)
    expect(lines).toContain('6 of 7 masks were made by shards\n')
  })
})

describe('what is refused', () => {
  it.each(['coco', 'coco-panoptic', 'cvat', 'label-studio'] as const)(
    '%s, which has a file for all',
    async format => {
      await expect(run({ format, ...shard(1) })).rejects.toThrow(
        `--shard: is for formats with a file for each image, and ${format} has one for all; export it without --shard; in shards: png, labelme, yolo, mmseg, geojson and npy`,
      )
    },
  )

  it('other settings than those of the other shards', async () => {
    await run(shard(1))
    for (const change of [
      { colour: true },
      { classes: ['cat'] },
      { minScore: 0.2 },
      { format: 'geojson' as const },
    ])
      for (const part of [{}, shard(2)])
        await expect(run({ ...change, ...part })).rejects.toThrow(
          `${at('out.shards', '1-of-3.jsonl')} (--out): is of shards of another export, or with other settings; give the same flags as for those, another --out, or delete its folder`,
        )
    expect(await run({ format: 'coco' })).toBe(7) // is not made in shards
  })

  it('an export that is there, and folders of somebody else', async () => {
    await run()
    await expect(run(shard(1))).rejects.toThrow(/holds an export already/)
    await mkdir(at('mine.shards'))
    await writeFile(at('mine.shards', 'files'), 'mine')
    await expect(run({ ...shard(1), out: at('mine') })).rejects.toThrow(
      `${at('mine.shards')}: holds files that are not of an export: files; nothing was changed; give another --out, or move it away`,
    )
    await run({ out: at('mine') })
    expect(await readFile(at('mine.shards', 'files'), 'utf8')).toBe('mine')
  })

  it('an export of all while shards are at work, and two processes on one shard', async () => {
    await run(shard(1))
    const record = await readFile(at('out.shards', '1-of-3.jsonl'), 'utf8')
    const { settings } = JSON.parse(record.split('\n')[0]!) as { settings: string }
    const working = await openShards(at('out'), { settings, ...shard(2), log: silentLog() })
    const self = `process ${process.pid} on ${hostname()} is at work on shard 2/3 of export`
    await expect(run()).rejects.toThrow(
      `${at('out.shards')}: ${self} in this folder; wait for it or give another --out`,
    )
    await expect(run(shard(2))).rejects.toThrow(
      `${at('out.shards')}: ${self}; give each process a shard of its own`,
    )
    await run(shard(3))
    await working!.release()
    expect(await run()).toBe(7)
  })
})
