import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { writeImage } from '../io/image.ts'
import { readLabelMap } from '../io/indexed-png.ts'
import { fromFloat32 } from '../io/tensor-data.ts'
import { CLASS_MAP_CRF } from '../refine/crf-parameters.ts'
import { createLog } from '../train/log.ts'
import { writeClassMaps } from './class-map-file.ts'
import { type RefineMapsOptions, refineMaps } from './refine-maps.ts'
import { Interrupted } from './stage.ts'

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
    await writeClassMaps(join(folder, 'maps', `${id}.safetensors`), {
      cam: fromFloat32(cam, [1, HEIGHT, WIDTH]),
      classes: [4],
    })
  }
  lines = []
})

afterEach(() => rm(folder, { recursive: true, force: true }))

function refine(change: Partial<RefineMapsOptions> = {}): Promise<void> {
  return refineMaps({
    maps: join(folder, 'maps'),
    images: join(folder, 'photos'),
    out: join(folder, 'out'),
    alpha: 4,
    parameters: CLASS_MAP_CRF,
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
  expect((await readdir(join(folder, 'out'))).sort()).toEqual(['a.png', 'b.png', 'c.png'])
  const { data } = await made('a')
  expect(new Set(data)).toEqual(new Set([0, 5]))
  const wrong = data.filter((label, i) => (label === 5) !== i % WIDTH >= BORDER)
  expect(wrong.length).toBeLessThan(0.05 * data.length)
})

it('more is foreground with a larger alpha', async () => {
  const parameters = { ...CLASS_MAP_CRF, iterations: 0 }
  const share = async (alpha: number): Promise<number> => {
    await refine({ alpha, parameters, force: true })
    return (await made('a')).data.filter(label => label > 0).length
  }
  expect(await share(8)).toBeGreaterThan(await share(1))
})

it('maps without a picture, of another size, or cut short are named and left out', async () => {
  await rm(join(folder, 'photos', 'a.png'))
  await writeImage(join(folder, 'photos', 'b.png'), { width: 2, height: 1, data: new Uint8Array(6) })
  await refine()
  expect(await readdir(join(folder, 'out'))).toEqual(['c.png'])
  const text = lines.join('')
  expect(text).toMatch(
    /warning: a has no mask: .*a\.safetensors: there is no picture a in .*photos; give the folder of the pictures/,
  )
  expect(text).toMatch(
    /warning: b has no mask: .*b\.safetensors: the maps are 20 x 12 pixels; the picture .*b\.png has 2 x 1/,
  )
  await expect(refine({ strict: true })).rejects.toThrow(/a\.safetensors: there is no picture a/)
})

it('folders that hold nothing of their kind', async () => {
  await expect(refine({ maps: join(folder, 'photos') })).rejects.toThrow(
    /photos: holds no class maps; give a folder of class maps \(ID\.safetensors\), such as maps\/ of a run$/,
  )
  await expect(refine({ maps: join(folder, 'absent') })).rejects.toThrow(
    /absent: is no folder that can be listed/,
  )
  await expect(refine({ images: join(folder, 'maps') })).rejects.toThrow(/maps: holds no pictures/)
  await expect(refine({ images: join(folder, 'absent') })).rejects.toThrow(/absent: no such folder/)
})

it('parameters that are none', async () => {
  const zero = { ...CLASS_MAP_CRF, gaussian: { sxy: 0, compat: 3 } }
  await expect(refine({ parameters: zero, strict: true })).rejects.toThrow(
    /gaussian\.sxy\): is 0; expected a positive number/,
  )
  await expect(refine({ alpha: -1, strict: true })).rejects.toThrow(
    /\(alpha\): is -1; expected a positive number/,
  )
})

it('skips what is there unless forced, and stops when told', async () => {
  await refine()
  await writeFile(join(folder, 'out', 'a.png'), 'mine')
  await refine()
  expect(await readFile(join(folder, 'out', 'a.png'), 'utf8')).toBe('mine')
  await refine({ force: true })
  expect((await made('a')).width).toBe(WIDTH)
  await expect(refine({ force: true, signal: AbortSignal.abort() })).rejects.toThrow(Interrupted)
})
