import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { writeImage } from '../../io/image.ts'
import { readLabelMap } from '../../io/indexed-png.ts'
import { fromFloat32 } from '../../io/tensor-data.ts'
import { CAM_CRF } from '../../refine/crf-parameters.ts'
import { crfThreads } from '../../refine/dense-crf.ts'
import { PAR } from '../../refine/par/parameters.ts'
import { createLog } from '../../train/log.ts'
import { writeCams } from '../images/cam-file.ts'
import { Interrupted } from '../run/stage.ts'
import { type RefineCamFolderOptions, refineCamFolder } from './refine-cam-folder.ts'

// 20 x 12 pixels, bright from column 8 on; the map of class 4 is blurred over that border.
const [WIDTH, HEIGHT, BORDER] = [20, 12, 8]
let folder = ''
let lines: string[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-refine-'))
  for (const part of ['maps', 'photos']) await mkdir(join(folder, part))
  const data = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) =>
    Math.floor(i / 3) % WIDTH < BORDER ? 30 : 220,
  )
  const cam = Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => Math.min(1, (i % WIDTH) / 13))
  for (const id of ['a', 'b', 'c']) {
    await writeImage(join(folder, 'photos', `${id}.png`), { width: WIDTH, height: HEIGHT, data })
    await writeCams(join(folder, 'maps', `${id}.safetensors`), {
      cam: fromFloat32(cam, [1, HEIGHT, WIDTH]),
      classes: [4],
    })
  }
  lines = []
})

afterEach(() => rm(folder, { recursive: true, force: true }))

function refine(change: Partial<RefineCamFolderOptions> = {}): Promise<number> {
  return refineCamFolder({
    maps: join(folder, 'maps'),
    images: join(folder, 'photos'),
    out: join(folder, 'out'),
    alpha: 4,
    refinement: { method: 'crf', parameters: CAM_CRF },
    strict: false,
    force: false,
    signal: new AbortController().signal,
    log: createLog({ stream: { write: text => lines.push(text) }, env: {} }),
    ...change,
  })
}

const made = (id: string) => readLabelMap(join(folder, 'out', `${id}.png`))

it('draws the border where the colours change, in labels of the data set', async () => {
  await refine()
  expect((await readdir(join(folder, 'out'))).sort()).toEqual([
    'a.png',
    'b.png',
    'c.png',
    'labels.json',
    'labels.txt',
    'tagmask-masks.jsonl',
  ])
  const { data } = await made('a')
  expect(new Set(data)).toEqual(new Set([0, 5]))
  const wrong = data.filter((label, i) => (label === 5) !== i % WIDTH >= BORDER)
  expect(wrong.length).toBeLessThan(0.05 * data.length)
})

it('PAR draws it there, too, and says so where masks of the CRF lie', async () => {
  const refinement = { method: 'par', parameters: { ...PAR, iterations: 40 } } as const
  await refine({ refinement })
  const { data } = await made('a')
  expect(new Set(data)).toEqual(new Set([0, 5]))
  expect(data.filter((label, i) => (label === 5) !== i % WIDTH >= BORDER).length).toBe(0)
  await expect(refine()).rejects.toThrow('holds 3 masks that were made by tagmask refine --method par')
})

it('more is foreground with a larger alpha', async () => {
  const refinement = { method: 'crf', parameters: { ...CAM_CRF, iterations: 0 } } as const
  const share = async (alpha: number): Promise<number> => {
    await refine({ alpha, refinement, force: true })
    return (await made('a')).data.filter(label => label > 0).length
  }
  expect(await share(8)).toBeGreaterThan(await share(1))
})

it('maps without an image, of another size, or cut short are named and left out', async () => {
  await rm(join(folder, 'photos', 'a.png'))
  await writeImage(join(folder, 'photos', 'b.png'), { width: 2, height: 1, data: new Uint8Array(6) })
  await expect(refine()).rejects.toThrow(
    'refine (data.maxLost): 2 of 3 images could not be used, as named above; ' +
      'at most 50 % may be lost: fix what is named above (is their folder there and readable?) and resume with the same command, or raise data.maxLost',
  )
  expect(await refine({ maxLost: 0.7, out: join(folder, 'out2') })).toBe(1)
  expect((await readdir(join(folder, 'out2'))).filter(name => name.endsWith('.png'))).toEqual(['c.png'])
  const text = lines.join('')
  expect(text).toMatch(
    /warning: refine: 2 of 3 images could not be used: there is no image a in .*photos: a; the CAMs are 20 x 12 pixels: b; give the folder of the images/,
  )
  await expect(refine({ strict: true })).rejects.toThrow(/a\.safetensors: there is no image a/)
})

it('folders that hold nothing of their kind', async () => {
  await expect(refine({ maps: join(folder, 'photos') })).rejects.toThrow(
    /photos: holds no CAMs; give a folder of CAMs \(ID\.safetensors or ID\.npy\), such as maps\/ of a run$/,
  )
  await expect(refine({ maps: join(folder, 'absent') })).rejects.toThrow(
    /absent: is no folder that can be listed/,
  )
  await expect(refine({ images: join(folder, 'maps') })).rejects.toThrow(/maps: holds no images/)
  await expect(refine({ images: join(folder, 'absent') })).rejects.toThrow(/absent: no such folder/)
})

it('parameters that are none', async () => {
  const zero = { ...CAM_CRF, gaussian: { sxy: 0, compat: 3 } }
  await expect(refine({ refinement: { method: 'crf', parameters: zero }, strict: true })).rejects.toThrow(
    /gaussian\.sxy\): is 0; expected a positive number/,
  )
  for (const alpha of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    await expect(refine({ alpha, out: join(folder, 'none') })).rejects.toThrow(
      `--alpha: is ${alpha}; expected a number above 0`,
    )
  }
  await expect(refine({ threads: 0, out: join(folder, 'none') })).rejects.toThrow(/is 0; expected/)
  expect(await readdir(folder)).not.toContain('none')
})

it('takes the threads that it is told, whatever TAGMASK_THREADS says', () => {
  expect(process.env.TAGMASK_THREADS).toBe('1')
  expect([crfThreads(3), crfThreads(null), crfThreads()]).toEqual([3, 1, 1])
})

const rewrite = (id: string, cam: Float32Array, classes: readonly number[]) =>
  writeCams(join(folder, 'maps', `${id}.safetensors`), {
    cam: fromFloat32(cam, [classes.length, HEIGHT, WIDTH]),
    classes,
  })

it('maps that are no scores are named, and all of them end it', async () => {
  const large = new Float32Array(WIDTH * HEIGHT).fill(0.5).fill(4.75, 7, 8)
  await rewrite('a', large, [4])
  await refine()
  expect(lines.join('')).toContain(
    `warning: refine: 1 of 3 images could not be used: ${join(folder, 'maps', 'a.safetensors')} (cam): holds values from 0 to 4.75; ` +
      'CAMs are scores from 0 to 1: scale each map to them before\n',
  )
  await rewrite('b', large.fill(-0.25, 7, 8), [4])
  await rewrite('c', large.fill(Number.NaN, 7, 8), [4])
  await expect(refine({ force: true })).rejects.toThrow(/^refine \(data\.maxLost\): 3 of 3 images could not/)
  expect(lines.join('')).toMatch(/holds values from -0\.25 to 0\.5: b;/)
  expect(lines.join('')).toMatch(/holds values that are no numbers \(NaN\): c;/)
})

it('classes that do not fit into a byte are refused before any work', async () => {
  const cam = new Float32Array(WIDTH * HEIGHT).fill(0.9)
  await rewrite('b', cam, [253])
  await refine()
  expect(new Set((await made('b')).data)).toEqual(new Set([254]))
  for (const wrong of [254, 299, -1]) {
    await rewrite('b', cam, [wrong])
    await expect(refine({ out: join(folder, 'wrong') })).rejects.toThrow(
      `${join(folder, 'maps', 'b.safetensors')} (classes): has a map of class ${wrong}; ` +
        'a mask of 8 bits has room for the classes 0 to 253; nothing was written',
    )
  }
  expect(await readdir(folder)).not.toContain('wrong')
})

it('keeps masks of unchanged maps and images, makes those of changed ones, and stops when told', async () => {
  await refine()
  const before = await stat(join(folder, 'out', 'a.png'))
  lines = []
  expect(await refine()).toBe(3)
  expect(lines.join('')).toContain('3 of 3 masks were there before\n')
  expect((await stat(join(folder, 'out', 'a.png'))).mtimeMs).toBe(before.mtimeMs)
  await rewrite('b', new Float32Array(WIDTH * HEIGHT).fill(0.01), [4])
  await rm(join(folder, 'out', 'c.png'))
  lines = []
  await refine()
  expect(lines.join('')).toContain(
    '1 of 3 masks were there before\n1 image has changed since: its mask is recomputed: b\n',
  )
  expect(new Set((await made('b')).data)).toEqual(new Set([0]))
  expect((await made('c')).width).toBe(WIDTH)
  await expect(refine({ force: true, signal: AbortSignal.abort() })).rejects.toThrow(Interrupted)
})

it('never writes over what it did not write', async () => {
  const photo = await readFile(join(folder, 'photos', 'a.png'))
  const nothing = 'nothing was changed; give a new or empty folder elsewhere'
  for (const force of [false, true]) {
    await expect(refine({ out: join(folder, 'photos'), force })).rejects.toThrow(
      `${join(folder, 'photos')} (--out): is the folder of the images; ${nothing}`,
    )
    await expect(refine({ out: join(folder, 'maps', 'new'), force })).rejects.toThrow(
      `${join(folder, 'maps', 'new')} (--out): lies in the folder of the maps ${join(folder, 'maps')}; ${nothing}`,
    )
    await expect(refine({ out: folder, force })).rejects.toThrow(
      `${folder} (--out): holds the folder of the images ${join(folder, 'photos')}; ${nothing}`,
    )
  }
  expect(await readFile(join(folder, 'photos', 'a.png'))).toEqual(photo)
  await refine()
  await writeFile(join(folder, 'out', 'a.png'), 'mine')
  await refine() // kept, and said
  expect(lines.join('')).toContain('warning: changed since tagmask wrote them, and kept as they are: a.png\n')
  await expect(refine({ force: true })).rejects.toThrow(
    `${join(folder, 'out')} (--out): holds files that were changed since tagmask wrote them: a.png; ` +
      'nothing was changed; move them away, or give another --out',
  )
  expect(await readFile(join(folder, 'out', 'a.png'), 'utf8')).toBe('mine')
})

const parts = [1, 2, 3].map(index => ({ index, count: 3 }))

it('is made by shards at once, and is whole after a pass over all, the same as without', async () => {
  await refine({ out: join(folder, 'alone') })
  await Promise.all(parts.slice(0, 2).map(shard => refine({ shard })))
  expect((await readdir(join(folder, 'out'))).sort()).toEqual([
    'a.png',
    'b.png',
    'tagmask-masks.1-of-3.jsonl',
    'tagmask-masks.2-of-3.jsonl',
  ])
  expect(lines.filter(line => line.startsWith('shard')).sort()).toEqual(
    [1, 2].map(
      i =>
        `shard ${i}/3 of refine: 1 of 3 images in ${join(folder, 'out')}; when all shards are done, run the same command without --shard\n`,
    ),
  )
  lines = []
  const { mtimeMs } = await stat(join(folder, 'out', 'a.png'))
  await refine({ shard: parts[0] }) // again: nothing to do
  await refine()
  expect(lines).toContain('2 of 3 masks were there before\n')
  expect((await stat(join(folder, 'out', 'a.png'))).mtimeMs).toBe(mtimeMs)
  const names = (await readdir(join(folder, 'out'))).sort()
  expect(names).toEqual((await readdir(join(folder, 'alone'))).sort())
  for (const name of names.filter(one => one !== 'tagmask-masks.jsonl'))
    expect(await readFile(join(folder, 'out', name))).toEqual(await readFile(join(folder, 'alone', name)))
  await refine() // its record is that of all files
  expect(lines.at(-1)).toBe('3 of 3 masks were there before\n')
})

it('is not written over by a shard where people changed it or other settings made it', async () => {
  await refine()
  await writeFile(join(folder, 'out', 'b.png'), 'mine')
  await refine({ shard: parts[1] })
  expect(await readFile(join(folder, 'out', 'b.png'), 'utf8')).toBe('mine')
  await expect(refine({ shard: parts[0], alpha: 8 })).rejects.toThrow(
    /holds 3 masks that were made with other settings/,
  )
  await refine({ shard: parts[0], alpha: 8, force: true }) // the mask of c is the old one until its shard comes
  await expect(refine({ shard: parts[1], alpha: 8, force: true })).rejects.toThrow(
    /were changed since tagmask wrote them: b\.png/,
  )
  await refine({ shard: parts[2], alpha: 8, force: true })
  await rm(join(folder, 'out', 'b.png'))
  await refine({ alpha: 8 })
  expect(lines).toContain('2 of 3 masks were there before\n')
})
