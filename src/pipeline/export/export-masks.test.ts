import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readImage } from '../../io/image.ts'
import { readLabelMap, writeLabelMap } from '../../io/indexed-png.ts'
import { labelColour, legendFiles } from '../../io/label-legend.ts'
import { fromFloat32 } from '../../io/tensor-data.ts'
import { createLog } from '../../train/log.ts'
import { writeCams } from '../images/cam-file.ts'
import { type ExportMasksOptions, exportMasks } from './export-masks.ts'

// Masks of 4 x 2 pixels: background, cat, dog, void from left to right.
const [WIDTH, HEIGHT] = [4, 2]
const ROW = [0, 1, 2, 255]

let folder = ''
let lines: string[] = []
const at = (...names: string[]): string => join(folder, ...names)

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-export-'))
  lines = []
  for (const name of ['masks', 'photos']) await mkdir(at(name))
  for (const [name, text] of legendFiles(['background', 'cat', 'dog']))
    await writeFile(at('masks', name), text)
  for (const id of ['a', 'b', 'c']) {
    await writeLabelMap(at('masks', `${id}.png`), {
      width: WIDTH,
      height: HEIGHT,
      data: Uint8Array.from([...ROW, ...ROW]),
    })
    await sharp(Buffer.alloc(WIDTH * HEIGHT * 3, 90), { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
      .jpeg()
      .toFile(at('photos', `${id}.jpg`))
  }
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const run = (change: Partial<ExportMasksOptions> = {}): Promise<number> =>
  exportMasks({
    target: at('masks'),
    format: 'png',
    out: at('out'),
    images: at('photos'),
    signal: new AbortController().signal,
    log: createLog({ stream: { write: text => lines.push(text) }, env: {} }),
    ...change,
  })
const rowOf = async (id: string): Promise<number[]> => [
  ...(await readLabelMap(at('out', `${id}.png`))).data.subarray(0, WIDTH),
]

describe('an export', () => {
  it('is the masks as they are, and says how many', async () => {
    expect(await run()).toBe(3)
    expect((await readdir(at('out'))).sort()).toEqual([
      'a.png',
      'b.png',
      'c.png',
      'labels.json',
      'labels.txt',
      'tagmask-export.json',
    ])
    expect(await rowOf('b')).toEqual(ROW)
    expect(lines.at(-1)).toMatch(/^3 masks as png: .*out\n$/)
  })

  it('is in colours where that is asked for', async () => {
    await run({ colour: true })
    const { data } = await readImage(at('out', 'a.png'))
    expect([...data.subarray(0, 12)]).toEqual([0, 1, 2, 255].flatMap(label => [...labelColour(label)]))
  })

  it('keeps the classes that are named, in that order; the pixels of others are background', async () => {
    await run({ classes: ['dog'] })
    expect(await rowOf('a')).toEqual([0, 0, 1, 255])
    expect(await readFile(at('out', 'labels.txt'), 'utf8')).toBe('0\t#000000\tbackground\n1\t#800000\tdog\n')
    await expect(run({ out: at('other'), classes: ['dgo'] })).rejects.toThrow(
      '--classes: names "dgo", which is no class of these masks; did you mean dog?',
    )
  })

  it('makes labels below the score void, and says which masks have none', async () => {
    await mkdir(at('maps'))
    const cam = fromFloat32(Float32Array.of(0, 0.9, 0, 0, 0, 0.7, 0, 0, 0, 0, 0.3, 0, 0, 0, 0.1, 0), [
      2,
      HEIGHT,
      WIDTH,
    ])
    await writeCams(at('maps', 'a.safetensors'), { cam, classes: [0, 1] })
    await run({ maps: at('maps'), minScore: 0.5 }) // cat has 0.8, dog 0.2
    expect(await rowOf('a')).toEqual([0, 1, 255, 255])
    expect(await rowOf('b')).toEqual(ROW)
    expect(lines).toContain('2 masks have no score (no CAMs) and are kept whole\n')
  })

  it('leaves out a mask of another size than its image or with a label of no class, and names it', async () => {
    await writeLabelMap(at('masks', 'a.png'), { width: 1, height: 1, data: Uint8Array.of(1) })
    expect(await run()).toBe(2)
    expect(lines.join('')).toMatch(
      /export: 1 of 3 images could not be used: .*a\.png: has 1 x 1 pixels, its image 4 x 2/,
    )
    await writeLabelMap(at('masks', 'b.png'), {
      width: WIDTH,
      height: HEIGHT,
      data: new Uint8Array(8).fill(3),
    })
    await expect(run({ out: at('strict'), strict: true })).rejects.toThrow(/pixels, its image/)
    await expect(run({ out: at('two') })).rejects.toThrow(/2 of 3 masks could not be used/)
    expect(await readdir(folder)).toEqual(['masks', 'out', 'photos']) // of both nothing is left
  })
})

describe('what is wrong with an export', () => {
  it('is CAMs of another size, of no scores, or of classes that are not there', async () => {
    await mkdir(at('maps'))
    const write = (values: number[], shape: number[], classes: number[]) =>
      writeCams(at('maps', 'a.safetensors'), { cam: fromFloat32(Float32Array.from(values), shape), classes })
    const cases = [
      [[0.5, 0.5], [1, 1, 2], [0], /has maps of 2 x 1 pixels, and the mask has 4 x 2/],
      [Array(8).fill(7), [1, HEIGHT, WIDTH], [0], /holds values from 0 to 7/],
      [Array(8).fill(Number.NaN), [1, HEIGHT, WIDTH], [0], /no numbers \(NaN\)/],
      [Array(8).fill(0.5), [1, HEIGHT, WIDTH], [5], /has a map of class 5, and there are 2 classes/],
    ] as const
    for (const [values, shape, classes, message] of cases) {
      await write([...values], [...shape], [...classes])
      await expect(run({ maps: at('maps'), strict: true, out: at('wrong') })).rejects.toThrow(message)
    }
  })

  it('is an option without effect on its format', async () => {
    await expect(run({ irn: true })).rejects.toThrow('--irn: has no effect on png; leave it out')
    await expect(run({ format: 'coco', tolerance: 1 })).rejects.toThrow(
      /no effect on run lengths; add --polygons/,
    )
    await expect(run({ out: at('masks.zip') })).rejects.toThrow(
      /has the name of a file; this format writes a folder/,
    )
  })
})

describe('names of classes', () => {
  it('may hold commas; a list may have a byte order mark, or be labels.txt of tagmask', async () => {
    await writeFile(at('names.txt'), '\uFEFFbig, red cat\r\ndog\r\n')
    await run({ labels: at('names.txt'), classes: ['dog', 'big', ' red cat'] })
    expect(await readFile(at('out', 'labels.txt'), 'utf8')).toBe(
      '0\t#000000\tbackground\n1\t#800000\tdog\n2\t#008000\tbig, red cat\n',
    )
    await run({ labels: at('out', 'labels.txt'), out: at('again') })
    expect(await readFile(at('again', 'labels.txt'), 'utf8')).toBe(
      await readFile(at('out', 'labels.txt'), 'utf8'),
    )
  })
})

describe('its place', () => {
  it('may be a link, which stays one', async () => {
    await mkdir(at('elsewhere'))
    await symlink(at('elsewhere'), at('out'))
    await run()
    expect((await lstat(at('out'))).isSymbolicLink()).toBe(true)
    expect(await readdir(at('elsewhere'))).toContain('a.png')
  })

  it('is never one with files of others, and is replaced with force unless somebody changed it', async () => {
    await mkdir(at('out'))
    await writeFile(at('out', 'mine.txt'), 'mine')
    for (const force of [false, true])
      await expect(run({ force })).rejects.toThrow(
        /holds files that are not of an export; nothing was changed/,
      )
    await rm(at('out', 'mine.txt'))
    await run()
    await expect(run()).rejects.toThrow(/holds an export already; .*--force to replace it/)
    await run({ force: true, classes: ['cat'] })
    expect(await rowOf('a')).toEqual([0, 1, 0, 255])
    await writeFile(at('out', 'a.png'), 'corrected')
    await expect(run({ force: true })).rejects.toThrow(/holds files that you changed or added: a\.png/)
    expect(await readFile(at('out', 'a.png'), 'utf8')).toBe('corrected')
    for (const place of ['masks', 'photos', join('masks', 'out')])
      await expect(run({ out: at(place), force: true })).rejects.toThrow(/nothing was changed/)
  })

  it('is empty after an abort', async () => {
    await expect(run({ signal: AbortSignal.abort() })).rejects.toThrow(/export/)
    expect((await readdir(folder)).sort()).toEqual(['masks', 'photos'])
  })
})

describe('a folder of masks', () => {
  it('needs the names of its classes', async () => {
    await rm(at('masks', 'labels.json'))
    await expect(run()).rejects.toThrow(
      /has no labels\.json, and nothing says what its labels are; .*--labels FILE/,
    )
    await writeFile(at('names.txt'), 'background\ncat\ndog\n')
    expect(await run({ labels: at('names.txt') })).toBe(3)
  })

  it('without images has their names guessed, which is said; a mask without an image is left out', async () => {
    expect(await run({ images: undefined })).toBe(3)
    expect(lines[0]).toMatch(/^warning: 3 masks without a known image: a\.png, .*--images DIR/)
    await rm(at('photos', 'b.jpg'))
    expect(await run({ out: at('two') })).toBe(2)
    await expect(run({ out: at('none'), images: at('masks', 'none') })).rejects.toThrow()
  })
})
