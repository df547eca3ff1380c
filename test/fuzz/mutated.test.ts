/**
 * @file Files of every readable kind, corrupted at random: each ends in a result or in one of our errors, soon and in little
 * memory. 150 of each kind; a long run: `TAGMASK_FUZZ=5000 npx vitest run test/fuzz/mutated.test.ts`, other inputs by
 * `TAGMASK_FUZZ_SEED=2`. A failure names the seed of its input; `TAGMASK_FUZZ=1 TAGMASK_FUZZ_SEED=that` shows it alone.
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDataset } from '../../src/data/index.ts'
import { TagmaskError } from '../../src/errors.ts'
import { readImage } from '../../src/io/image.ts'
import { readLabelMap, writeLabelMap } from '../../src/io/indexed-png.ts'
import { readNpy, readNpyDictionary, writeNpy } from '../../src/io/npy.ts'
import { readSafetensors, writeSafetensors } from '../../src/io/safetensors.ts'
import { elementCount, fromFloat32, itemSize, type TensorData } from '../../src/io/tensor-data.ts'
import { readWeights } from '../../src/io/weights.ts'
import { loadRecipe } from '../../src/pipeline/recipe/load.ts'
import { dice, mutate } from './mutator.ts'

const RUNS = Number(process.env.TAGMASK_FUZZ ?? 150)
const SEED = Number(process.env.TAGMASK_FUZZ_SEED ?? 1)

const fixtures = join(import.meta.dirname, '../fixtures/checkpoints')
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-mutated-'))
})
afterAll(() => rm(folder, { recursive: true }))

interface Reader {
  /** Writes or finds a good file and returns its path. */
  readonly original: (at: string) => Promise<string>
  readonly read: (path: string) => Promise<unknown>
  /** Path of the mutated file; by default in the original's folder. */
  readonly place?: (at: string) => string
  /** kB that reading one may take. */
  readonly memory?: number
}

const fixture = (name: string) => () => Promise.resolve(join(fixtures, name))
const tensors = new Map<string, TensorData>([
  [
    'blocks.0.attn.qkv.weight',
    fromFloat32(
      Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)),
      [3, 4],
    ),
  ],
  ['flags', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
])

/** Tensors are as long as their shapes say. */
async function readTensors(path: string): Promise<void> {
  for (const { dtype, shape, data } of (await readWeights(path)).values())
    expect(data.byteLength).toBe(elementCount(shape) * itemSize(dtype))
}

const pixels = Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (i * i) % 251)
const photo = (name: string) => async (at: string) => {
  const path = join(at, name)
  await sharp(pixels, { raw: { width: 40, height: 30, channels: 3 } }).toFile(path)
  return path
}
// a header may claim as much as the budget of pixels allows
const images = (name: string): Reader => ({ original: photo(name), read: readImage, memory: 2_000_000 })

const READERS: Readonly<Record<string, Reader>> = {
  safetensors: {
    original: async at => {
      const path = join(at, 'w.safetensors')
      await writeSafetensors(path, tensors, { epoch: '3' })
      return path
    },
    read: async path => {
      const { tensors: found } = await readSafetensors(path)
      // a file that can be read is unchanged, unless the checksum's own name was changed
      if (!(await readFile(path, 'latin1')).includes('"tagmask.crc32"')) return
      for (const [name, { data }] of found)
        expect(Buffer.compare(data, tensors.get(name)!.data), name).toBe(0)
    },
  },
  'pth, zip': { original: fixture('zip_model_key.pth'), read: readTensors },
  'pth, zip of parameters': { original: fixture('zip_parameters.pth'), read: readTensors },
  'pth, legacy': { original: fixture('legacy_model_key_args.pth'), read: readTensors },
  npz: { original: fixture('augreg_tiny.npz'), read: readTensors },
  npy: {
    original: async at => {
      const path = join(at, 'a.npy')
      await writeNpy(path, fromFloat32(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]))
      return path
    },
    read: readNpy,
  },
  'npy of labels': { original: fixture('labels_object.npy'), read: readNpyDictionary },
  'label png': {
    original: async at => {
      const path = join(at, 'mask.png')
      await writeLabelMap(path, { width: 30, height: 20, data: new Uint8Array(600).map((_, i) => i % 21) })
      return path
    },
    read: readLabelMap,
    memory: 1_000_000,
  },
  jpeg: images('a.jpg'),
  png: images('a.png'),
  webp: images('a.webp'),
  gif: images('a.gif'),
  tiff: images('a.tif'),
  'tags.csv': {
    original: async at => {
      const root = join(at, 'photos')
      await mkdir(join(root, 'images'), { recursive: true })
      for (const name of ['a', 'b', 'c'])
        await cp(await photo('p.jpg')(at), join(root, 'images', `${name}.jpg`))
      const path = join(at, 'tags.csv')
      await writeFile(path, 'file,tags,split\na.jpg,cat;dog,train\n"b.jpg","dog small",train\nc.jpg,,val\n')
      return path
    },
    place: at => join(at, 'photos', 'tags.csv'),
    read: path => openDataset(join(path, '..'), { split: 'train' }),
  },
  recipe: {
    original: () => Promise.resolve(join(import.meta.dirname, '../../recipes/mctformer_demo.yaml')),
    read: loadRecipe,
  },
}

test.each(Object.entries(READERS))(
  '%s',
  async (kind, { original, read, place, memory = 400_000 }) => {
    const at = join(folder, kind.replaceAll(/\W+/g, '-'))
    await mkdir(at)
    const good = await readFile(await original(at))
    const path = place?.(at) ?? join(at, kind === 'recipe' ? 'mutated.yaml' : 'mutated')
    await writeFile(path, good)
    await read(path)
    let refused = 0
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      await writeFile(path, mutate(good, dice(seed)))
      const rss = process.resourceUsage().maxRSS
      const before = process.cpuUsage()
      const failure = await read(path).then(
        () => undefined,
        (error: unknown) => error,
      )
      const { user, system } = process.cpuUsage(before)
      const where = `${kind}, seed ${seed}`
      if (failure !== undefined && !(failure instanceof TagmaskError))
        throw new Error(where, { cause: failure })
      if (failure !== undefined) {
        refused++
        expect(failure.message, where).toContain(at)
        expect(failure.message.length, where).toBeLessThan(4000)
      }
      expect((user + system) / 1e6, where).toBeLessThan(10)
      expect(process.resourceUsage().maxRSS - rss, where).toBeLessThan(memory)
    }
    if (RUNS >= 100) expect(refused).toBeGreaterThan(RUNS / 20)
  },
  10_000 + RUNS * 2000,
)
