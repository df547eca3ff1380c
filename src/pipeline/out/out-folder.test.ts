import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../../train/log.ts'
import { type OutFolder, type OutFolderOptions, openOutFolder } from './out-folder.ts'
import { refuseOutPlace } from './out-place.ts'
import { makerOf } from './out-record.ts'

let folder = ''
let lines: string[] = []
const at = (...parts: string[]): string => join(folder, ...parts)
const mask = (id: string, key = ''): Buffer => Buffer.from(`mask of ${id} ${key}`)
const maker = (weights: string, settings: unknown = {}, run = '/runs/a') =>
  makerOf({ command: 'predict', run, recipe: null, weights, settings })

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-out-'))
  await mkdir(at('photos'))
  for (const id of ['a', 'b', 'c']) await writeFile(at('photos', `${id}.jpg`), `photo ${id}`)
  lines = []
})

afterEach(() => rm(folder, { recursive: true, force: true }))

async function open(change: Partial<OutFolderOptions> & { ids?: string[] } = {}): Promise<OutFolder> {
  const { ids = ['a', 'b', 'c'], ...rest } = change
  return openOutFolder({
    out: at('out'),
    maker: maker('w1'),
    images: ids.map(id => ({ id, from: [at('photos', `${id}.jpg`)] })),
    overlays: false,
    texts: new Map([['labels.txt', '0 background\n']]),
    force: false,
    log: createLog({ stream: { write: text => lines.push(text) }, env: {} }),
    ...rest,
  })
}

/** Makes what is open, up to so many; returns their ids. */
async function make(change: Parameters<typeof open>[0] = {}, most = 99): Promise<string[]> {
  const out = await open(change)
  await out.begin()
  const ids = [...out.open].sort().slice(0, most)
  const overlay = change.overlays ? { overlay: Buffer.from('overlay') } : {}
  for (const id of ids)
    await out.write({ id, from: [at('photos', `${id}.jpg`)] }, { mask: mask(id), ...overlay })
  await out.end()
  return ids
}

describe('a folder that tagmask has written', () => {
  it('keeps masks, and takes up what is missing', async () => {
    expect(await make({}, 2)).toEqual(['a', 'b'])
    expect(await make()).toEqual(['c'])
    expect(lines).toEqual(['2 of 3 masks were there before\n'])
    expect(await make({ overlays: true })).toEqual(['a', 'b', 'c'])
    expect(await make({ overlays: true })).toEqual([])
    expect((await readdir(at('out'))).sort()).toEqual([
      'a.png',
      'b.png',
      'c.png',
      'labels.txt',
      'overlays',
      'tagmask-masks.jsonl',
    ])
  })

  it('refuses masks of other weights, settings, runs and commands; with force only those are recomputed', async () => {
    await make()
    const end = ': a.png, b.png, c.png; nothing was changed; give another --out, or --force to recompute them'
    const cases = [
      [maker('w2'), 'with other weights of this run'],
      [maker('w1', { crf: true }), 'with other settings'],
      [maker('w2', {}, '/runs/b'), 'by the run /runs/a'],
      [{ ...maker('w2'), command: 'refine' }, 'by tagmask predict'],
    ] as const
    for (const [other, how] of cases) {
      await expect(open({ maker: other })).rejects.toThrow(
        `${at('out')} (--out): holds 3 masks that were made ${how}${end}`,
      )
    }
    await expect(open({ maker: maker('w2'), force: true, ids: ['a', 'b'] })).rejects.toThrow(
      `${at('out')} (--out): holds 1 mask that was made with other weights of this run: c.png; nothing was changed; ` +
        'their images are not among those given, so that --force cannot recompute them: give another --out',
    )
    expect(await make({ maker: maker('w2'), force: true })).toEqual(['a', 'b', 'c'])
    expect(await make({ maker: maker('w2') })).toEqual([])
  })

  it('makes masks of changed images again, not of moved ones; those of another folder are refused', async () => {
    await make()
    await writeFile(at('photos', 'b.jpg'), 'another b')
    expect(await make()).toEqual(['b'])
    expect(lines.at(-1)).toBe('1 image has changed since: its mask is recomputed: b\n')
    await rename(at('photos'), at('moved'))
    const images = ['a', 'b', 'c'].map(id => ({ id, from: [at('moved', `${id}.jpg`)] }))
    expect((await open({ images })).open.size).toBe(0)
    await writeFile(at('moved', 'a.jpg'), 'of another trip')
    await expect(open({ images })).rejects.toThrow(
      `${at('out', 'a.png')}: is the mask of another image, ${at('photos', 'a.jpg')}; ` +
        'nothing was changed; give another --out, or --force to recompute it',
    )
  })

  it('is whole after a kill at any line of its record', async () => {
    await make()
    const path = at('out', 'tagmask-masks.jsonl')
    const whole = await readFile(path, 'utf8')
    const start = whole.indexOf('{"file":"a.png"')
    for (let end = start; end <= whole.length; end += 41) {
      // what is there after a kill: the record up to some byte, and the files whose lines are whole but for the last
      await writeFile(path, whole.slice(0, end))
      const lines = whole.slice(0, end).split('\n').slice(0, -1)
      for (const id of ['a', 'b', 'c']) {
        const line = lines.findIndex(text => text.includes(`"${id}.png"`))
        if (line < 0 || line === lines.length - 1) await rm(at('out', `${id}.png`), { force: true })
        else await writeFile(at('out', `${id}.png`), mask(id))
      }
      const there = new Set((await readdir(at('out'))).map(name => name.replace('.png', '')))
      expect(await make()).toEqual(['a', 'b', 'c'].filter(id => !there.has(id)))
      expect(await make()).toEqual([])
    }
  })

  it('is refused when its record is damaged or points elsewhere', async () => {
    await make()
    const path = at('out', 'tagmask-masks.jsonl')
    const expected = `${path}: is damaged, so that it is not known which masks are ours; nothing was changed; give a new or empty folder`
    const [head = ''] = (await readFile(path, 'utf8')).split('\n')
    const line = JSON.stringify({ file: '../photos/a.jpg', hash: 'x', by: 'y', from: [] })
    for (const text of ['', 'no record', `${head}\n${line}\n{}\n`, `${head}\nx\ny\n`]) {
      await writeFile(path, text)
      await expect(open()).rejects.toThrow(expected)
    }
  })
})

describe('what tagmask did not write', () => {
  it('is never written over, with force or without', async () => {
    await mkdir(at('out'))
    await writeFile(at('out', 'holiday.txt'), 'mine')
    for (const force of [false, true]) {
      await expect(open({ force })).rejects.toThrow(
        `${at('out')} (--out): holds files that tagmask did not write: holiday.txt; nothing was changed; give a new or empty folder`,
      )
    }
    await rm(at('out', 'holiday.txt'))
    await writeFile(at('out', '.DS_Store'), '')
    await make({ ids: ['a', 'b'] })
    await writeFile(at('out', 'c.png'), 'mine')
    await writeFile(at('out', 'notes.txt'), 'mine too') // in nobody's way
    for (const force of [false, true]) {
      await expect(open({ force })).rejects.toThrow(
        `${at('out')} (--out): holds files that tagmask did not write: c.png; nothing was changed; move them away, or give another --out`,
      )
    }
    await expect(
      open({ ids: ['a', 'b'], overlays: true, texts: new Map([['notes.txt', 'x']]) }),
    ).rejects.toThrow(/holds files that tagmask did not write: notes\.txt;/)
    expect(await readFile(at('out', 'c.png'), 'utf8')).toBe('mine')
  })

  it('nor is a place where no folder can be', async () => {
    await writeFile(at('file'), 'mine')
    await expect(open({ out: at('file') })).rejects.toThrow(
      `${at('file')} (--out): is no folder that can be listed; give a new or empty folder`,
    )
    const out = await open({ out: '/proc/none/out' })
    await expect(out.begin()).rejects.toThrow(
      '/proc/none/out (--out): the folder cannot be created; choose a place that can be written to',
    )
  })

  it('is not reached through links', async () => {
    await make()
    await symlink(at('photos'), at('out', 'overlays'))
    await expect(open({ overlays: true })).rejects.toThrow(
      `${at('out', 'overlays')}: is a link or a file, where a folder would be; nothing was changed; give a new or empty folder`,
    )
    await rm(at('out', 'overlays'))
    await rm(at('out', 'a.png'))
    await writeFile(at('a.jpg'), mask('a'))
    await symlink(at('a.jpg'), at('out', 'a.png'))
    await expect(open({ force: true })).rejects.toThrow(/were changed since tagmask wrote them: a\.png;/)
  })
})

describe('where masks may go', () => {
  const refusal = async (out: string, data?: string): Promise<string> => {
    const places = [{ path: at('photos'), what: 'the folder of the images' }]
    return refuseOutPlace(out, { places, data }).then(
      () => 'allowed',
      (error: Error) => error.message.replace(`${out} (--out): `, '').split(';')[0]!.replaceAll(folder, ''),
    )
  }

  it('is not among the images, by whatever way', async () => {
    await symlink(at('photos'), at('link'))
    expect(await refusal(at('photos'))).toBe('is the folder of the images')
    expect(await refusal(at('out', '..', 'photos'))).toBe('is the folder of the images')
    expect(await refusal(at('link'))).toBe('is the folder of the images')
    expect(await refusal(at('link', 'new', 'er'))).toBe('lies in the folder of the images /photos')
    expect(await refusal(folder)).toBe('holds the folder of the images /photos')
    expect(await refusal(at('photos2'))).toBe('allowed')
    expect(await refusal(at('new', 'er'))).toBe('allowed')
  })

  it('is not among the files of a run or a data set', async () => {
    await mkdir(at('run', 'stages'), { recursive: true })
    await writeFile(at('run', 'recipe.yaml'), '')
    expect(await refusal(at('run'))).toBe('is a run folder')
    for (const part of [
      'masks',
      'maps',
      'predictions/val/ms',
      'segment',
      'affinity/labels',
      'checkpoints.old-1',
    ])
      expect(await refusal(at('run', part))).toBe('lies among the files of the run /run')
    expect(await refusal(at('run', 'my-masks'))).toBe('allowed')
    await mkdir(at('set', 'images'), { recursive: true })
    await writeFile(at('set', 'tags.csv'), '')
    expect(await refusal(at('set'))).toBe('is a data set')
    expect(await refusal(at('set', 'Masks'))).toBe('lies among the files of the data set /set')
    expect(await refusal(at('set', 'runs', 'x'))).toBe('allowed')
    await mkdir(at('classes', 'cat'), { recursive: true })
    expect(await refusal(at('classes', 'new'), at('classes'))).toBe(
      'lies in the data set /classes, where folders are classes',
    )
    expect(await refusal(at('classes'), at('classes', 'cat'))).toBe('holds the data set /classes/cat')
    expect((await stat(at('set'))).isDirectory()).toBe(true)
  })
})

describe('shards in a folder', () => {
  const shard = (index: number, count = 3) => ({ shard: { index, count } })

  it('are at work at once, and nobody else is', async () => {
    const [first, second] = [await open(shard(1)), await open(shard(2))]
    await first.begin()
    await second.begin()
    const self = `process ${process.pid} on ${hostname()} is at work on shard 1/3 of predict`
    await expect((await open(shard(1))).begin()).rejects.toThrow(
      `${at('out')}: ${self}; give each process a shard of its own`,
    )
    await expect((await open(shard(1, 4))).begin()).rejects.toThrow(
      `${at('out')}: ${self} in this folder; all shards of predict that are at work at once have one n: wait for it`,
    )
    await expect((await open()).begin()).rejects.toThrow(
      `${at('out')}: ${self} in this folder; wait for it or give another --out`,
    )
    await Promise.all([first.end(), second.end()])
    const whole = await open()
    await whole.begin()
    await expect((await open(shard(1))).begin()).rejects.toThrow(
      `${at('out')}: process ${process.pid} on ${hostname()} is working in this folder; wait for it or give another --out; if it is gone, delete ${at('out', '.tagmask-lock')}`,
    )
    await whole.end()
    expect((await readdir(at('out'))).sort()).toEqual(['labels.txt', 'tagmask-masks.jsonl'])
  })

  it('have records of their own, which one for all takes the place of', async () => {
    expect(await make({ ...shard(2, 2), overlays: true })).toEqual(['b'])
    expect(await make({ ...shard(1, 2), overlays: true })).toEqual(['a', 'c'])
    await rm(at('out', 'c.png'))
    await rm(at('photos', 'a.jpg'))
    await writeFile(at('photos', 'a.jpg'), 'another photo')
    expect(await make({ ...shard(1, 3), overlays: true })).toEqual(['a']) // 1-of-2 has another hash of it
    const names = [
      'a.png',
      'b.png',
      'overlays',
      ...['1-of-2', '1-of-3', '2-of-2'].map(of => `tagmask-masks.${of}.jsonl`),
    ]
    expect((await readdir(at('out'))).sort()).toEqual(names)
    lines = []
    expect(await make({ overlays: true })).toEqual(['c'])
    expect(lines).toEqual(['2 of 3 masks were there before\n'])
    expect((await readdir(at('out'))).sort()).toEqual([
      'a.png',
      'b.png',
      'c.png',
      'labels.txt',
      'overlays',
      'tagmask-masks.jsonl',
    ])
    expect(await make({ overlays: true })).toEqual([])
  })

  it('take nothing for theirs in a folder of somebody else', async () => {
    await mkdir(at('out'))
    await writeFile(at('out', 'a.png'), 'mine')
    await expect(open(shard(1))).rejects.toThrow('holds files that tagmask did not write: a.png')
  })
})

describe('the page of a folder', () => {
  const page = ['report/photos/0.webp', 'report/photos/1.webp', 'report.html']
  const write = async (change: Parameters<typeof open>[0] = {}): Promise<boolean> => {
    const out = await open({ page, ...change })
    await out.begin()
    for (const id of out.open) await out.write({ id, from: [at('photos', `${id}.jpg`)] }, { mask: mask(id) })
    if (out.pageOpen) for (const file of change.page ?? page) await out.writePage(file, Buffer.from(file))
    await out.end()
    return out.pageOpen
  }

  it('is made again with any mask, or where a file of it is gone; what it no longer needs is removed', async () => {
    expect(await write()).toBe(true)
    expect(await write()).toBe(false)
    await rm(at('out', 'report', 'photos', '1.webp'))
    expect(await write()).toBe(true)
    await rm(at('out', 'b.png'))
    expect(await write({ page: page.slice(1) })).toBe(true)
    expect(await readdir(at('out', 'report', 'photos'))).toEqual(['1.webp'])
    expect(await make()).toEqual([]) // without a page
    expect(await readFile(at('out', 'report.html'), 'utf8')).toBe('report.html')
  })

  it('never takes the place of a file that is not ours', async () => {
    await make()
    await writeFile(at('out', 'report.html'), 'mine')
    await expect(write()).rejects.toThrow(
      `${at('out')} (--out): holds files that tagmask did not write: report.html; nothing was changed; move them away, or give another --out`,
    )
    await rm(at('out', 'report.html'))
    await write()
    await writeFile(at('out', 'report.html'), 'with notes')
    expect(await write()).toBe(false)
    await rm(at('out', 'a.png'))
    await expect(write()).rejects.toThrow('were changed since tagmask wrote them: report.html')
    expect(await readFile(at('out', 'report.html'), 'utf8')).toBe('with notes')
    await mkdir(at('elsewhere'))
    await rm(at('out', 'report'), { recursive: true })
    await symlink(at('elsewhere'), at('out', 'report'))
    await expect(write()).rejects.toThrow('is a link or a file, where a folder would be')
  })
})
