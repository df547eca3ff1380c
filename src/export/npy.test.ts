import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { CASES, exportCases } from '../../test/export-cases.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { readNpyDictionary } from '../io/npy.ts'
import { toFloat32Array } from '../io/tensor-data.ts'
import { readCams } from '../pipeline/images/cam-file.ts'
import type { ExportImage } from './export-image.ts'
import { npy } from './npy.ts'

const [WIDTH, HEIGHT] = [5, 3]
const MAPS = new Map([
  [2, Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => i / 16)],
  [0, new Float32Array(WIDTH * HEIGHT).fill(0.75)],
])
const IMAGE: ExportImage = {
  ...CASES[0]!,
  cams: async (sizeOf = size => size) => {
    const size = sizeOf({ width: WIDTH, height: HEIGHT })
    const length = size.width * size.height
    return { ...size, maps: new Map([...MAPS].map(([k, map]) => [k, map.slice(0, length)])) }
  },
}

it("is PSA's dictionary of maps by class, and is read as CAMs", async () => {
  const out = join(await temporaryFolder([]), 'out')
  const { told } = await exportCases(npy, out, { images: [IMAGE, CASES[1]!] })
  expect(told).toEqual(['1 mask left out, without CAMs'])
  expect(await readdir(out)).toEqual(['classes.txt', 'hole.npy', 'tagmask-export.json'])
  const dictionary = await readNpyDictionary(join(out, 'hole.npy'))
  expect([...dictionary.keys()]).toEqual(['2', '0'])
  expect(dictionary.get('2')).toMatchObject({ dtype: 'float32', shape: [HEIGHT, WIDTH] })
  expect(toFloat32Array(dictionary.get('2')!)).toEqual(MAPS.get(2))
  expect(await readCams(join(out, 'hole.npy'))).toEqual({
    width: WIDTH,
    height: HEIGHT,
    maps: MAPS,
    own: { width: WIDTH, height: HEIGHT },
  })
})

it("is IRN's dictionary with --irn, and is read as CAMs", async () => {
  const out = join(await temporaryFolder([]), 'out')
  await exportCases(npy, out, { images: [IMAGE], irn: true })
  const file = join(out, 'hole.npy')
  const dictionary = await readNpyDictionary(file)
  const shapes = [...dictionary].map(([key, { dtype, shape }]) => [key, dtype, ...shape])
  expect(shapes).toEqual([
    ['keys', 'int64', 2],
    ['cam', 'float32', 2, 1, 2],
    ['high_res', 'float32', 2, HEIGHT, WIDTH],
  ])
  expect((await readCams(file)).maps).toEqual(MAPS)
})
