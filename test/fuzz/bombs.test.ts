/**
 * @file Small files that claim much memory: each ends in an InputError or in its weights, within three seconds of one core
 * and 300 MB. Real checkpoints with expanded tensors and shared storages must still load.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InputError } from '../../src/errors.ts'
import { readNpyDictionary } from '../../src/io/npy.ts'
import type { TensorData } from '../../src/io/tensor-data.ts'
import { readWeights } from '../../src/io/weights.ts'
import * as p from './pickles.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-bombs-'))
})
afterAll(() => rm(folder, { recursive: true }))

const PATH = p.global('pathlib', 'PosixPath')
const DTYPE = p.call(p.global('numpy', 'dtype'), p.text('u4'), p.int(0), p.int(1))

/** A value that holds the one before twice, `levels` times over. */
function doubled(first: string, levels: number, pair: (twice: string) => string): string {
  const steps = Array.from(
    { length: levels },
    (_, i) => `${pair(p.recall(i).repeat(2))}${p.remember(i + 1)}0`,
  )
  return `${first}${p.remember(0)}0${steps.join('')}${p.recall(levels)}`
}

const plainTensor = p.tensor({ count: 1, shape: [1], strides: [1] })
const STORAGE = { 0: new Uint8Array(4) }
/** A state dict of one tensor and one other value. */
const beside = (value: string) =>
  p.checkpoint(
    p.dictionary([
      [p.text('w'), plainTensor],
      [p.text('x'), value],
    ]),
    STORAGE,
  )
const expanded = (names: number, elements: number) =>
  p.checkpoint(
    p.dictionary(
      Array.from({ length: names }, (_, i) => [
        p.text(`w${i}`),
        p.tensor({ count: 1, shape: [elements], strides: [0] }),
      ]),
    ),
    STORAGE,
  )
const npy = (shape: string) => {
  const header = `{'descr': '<f4', 'fortran_order': True, 'shape': (${shape}), }\n`
  const start = Buffer.from('\x93NUMPY\x02\0\0\0\0\0', 'latin1')
  start.writeUInt32LE(header.length, 8)
  return p.archive([{ name: 'a.npy', data: Buffer.concat([start, Buffer.from(header), new Uint8Array(4)]) }])
}

const ASKS =
  /: asks for \d+ MB of memory, which a file of [\d.]+ MB cannot need; a file that is neither damaged nor made to fill the memory$/

const BOMBS: readonly (readonly [string, () => Buffer, RegExp | 'weights'])[] = [
  [
    'tuples in tuples, joined',
    () =>
      beside(
        p.call(
          PATH,
          doubled(p.tuple(p.text('a')), 40, x => `(${x}t`),
        ),
      ),
    'weights',
  ],
  ['texts joined over and over', () => beside(doubled(p.text('aaaaaaaa'), 40, x => `${PATH}(${x}tR`)), ASKS],
  [
    'a list copied over and over',
    () =>
      beside(
        `(${'N'.repeat(50_000)}l${p.remember(0)}0${`${p.global('builtins', 'list')}${p.recall(0)}\x85R0`.repeat(5000)}N`,
      ),
    ASKS,
  ],
  [
    'a text encoded over and over',
    () =>
      beside(
        `${p.text('a'.repeat(500_000))}${p.remember(0)}0(${`${p.global('_codecs', 'encode')}(${p.recall(0)}${p.text('latin1')}tR`.repeat(3000)}t`,
      ),
    ASKS,
  ],
  [
    'an array widened over and over',
    () =>
      beside(
        `C\xf0${'a'.repeat(240)}${p.remember(0)}0${DTYPE}${p.remember(1)}0(${`${p.global('numpy.core.numeric', '_frombuffer')}(${p.recall(0)}${p.recall(1)}${p.tuple(p.int(60))}${p.text('C')}tR`.repeat(100_000)}t`,
      ),
    ASKS,
  ],
  [
    'whole numbers of one hash as keys',
    () =>
      beside(
        `}(${Array.from({ length: 50_000 }, (_, i) => `${p.long(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, i & 255, i >> 8, 1))}N`).join('')}u`,
      ),
    /: has a whole number of many digits as a key$/,
  ],
  ['marks in marks', () => beside('('.repeat(100_000)), /: is nested more than 1000 deep$/],
  [
    'a key of tuples in tuples',
    () => p.checkpoint(p.dictionary([[`N${'\x85'.repeat(100_000)}`, plainTensor]]), STORAGE),
    'weights',
  ],
  ['one tensor of 1 GB from four bytes', () => expanded(1, 2 ** 28), /reach outside the stored data/],
  ['thirty tensors of 200 MB from four bytes', () => expanded(30, 50_000_000), ASKS],
  [
    'an archive of empty lists',
    () => p.archive([{ name: 'a/data.pkl', data: Buffer.alloc(10_000_000, ']'), deflate: true }]),
    ASKS,
  ],
  [
    'an archive of memos',
    () =>
      p.archive([
        {
          name: 'a/data.pkl',
          data: Buffer.concat([p.bytesOf('N'), Buffer.alloc(10_000_000, 0x94)]),
          deflate: true,
        },
      ]),
    ASKS,
  ],
  [
    'an archive of zeros',
    () => p.archive([{ name: 'a.npy', data: new Uint8Array(120_000_000), deflate: true }]),
    ASKS,
  ],
  [
    'entries over one another',
    () =>
      p.archive([
        { name: 'a.npy', data: new Uint8Array(100_000) },
        ...Array.from({ length: 1000 }, (_, i) => ({
          name: `${i}.npy`,
          data: new Uint8Array(100_000),
          overlap: true,
        })),
      ]),
    /: is damaged: its entries lie over one another$/,
  ],
  [
    'two entries of one name',
    () => p.archive([1, 2].map(value => ({ name: 'a.npy', data: Uint8Array.of(value) }))),
    /\(a\.npy\): is damaged: it has two entries of this name$/,
  ],
  [
    'a header of brackets',
    () =>
      p.safetensors(
        `{"w":{"dtype":"F32","shape":${'['.repeat(500_000)}${']'.repeat(500_000)},"data_offsets":[0,4]}}`,
      ),
    /\(w\): shape \[{8}.* is not a list of whole numbers >= 0$/,
  ],
  [
    'a header of axes',
    () => p.safetensors(`{"w":{"dtype":"F32","shape":[${'1,'.repeat(100_000)}1],"data_offsets":[0,0]}}`),
    /\(w\): its shape has 100001 axes; 64 at most$/,
  ],
  [
    'an array of axes',
    () => npy('1,'.repeat(100_000)),
    /\(a\.npy\): its shape has 100000 axes, and 64 are the most$/,
  ],
  ['an array of 16 TB', () => npy('4000000000000,'), /needs 16000000000000 bytes, there are 4$/],
]

describe('a small file that asks for much', () => {
  test.each(BOMBS)('%s', async (name, make, outcome) => {
    const path = join(folder, 'bomb.pth')
    await writeFile(path, make())
    const memory = process.resourceUsage().maxRSS
    const before = process.cpuUsage() // not the clock: other tests run at the same time
    const result = await readWeights(path).catch((error: unknown) => error)
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1e6, name).toBeLessThan(3)
    expect(process.resourceUsage().maxRSS - memory, name).toBeLessThan(300_000) // kB
    if (outcome === 'weights') {
      expect((result as Map<string, TensorData>).size).toBe(1)
    } else {
      expect(result).toBeInstanceOf(InputError)
      expect((result as Error).message).toMatch(outcome)
    }
  })

  test('a dictionary of labels whose key is nested', async () => {
    const path = join(folder, 'labels.npy')
    const header = "{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
    const start = Buffer.from(`\x93NUMPY\x01\0${String.fromCharCode(header.length)}\0${header}`, 'latin1')
    const array = (state: string) => `${p.call(p.global('numpy.core.multiarray', '_reconstruct'))}${state}b`
    const object = p.call(p.global('numpy', 'dtype'), p.text('O8'))
    const key = `N${'\x85'.repeat(50_000)}`
    const pickle = array(p.tuple(p.int(1), p.tuple(), object, '\x89', `]}${key}Nsa`))
    await writeFile(path, Buffer.concat([start, p.bytesOf(`${pickle}.`)]))
    await expect(readNpyDictionary(path)).rejects.toThrow(
      `${path}: has the key [[[[[[[[...]]]]]]]]; names or whole numbers`,
    )
  })
})

describe('what real checkpoints do', () => {
  test('an expanded tensor of 16 MB, from four bytes', async () => {
    const path = join(folder, 'expanded.pth')
    await writeFile(path, expanded(1, 4_000_000))
    expect((await readWeights(path)).get('w0')?.data.byteLength).toBe(16_000_000)
  })

  test('a thousand names for one storage, whole and transposed', async () => {
    const path = join(folder, 'shared.pth')
    const tensors = Array.from({ length: 1000 }, (_, i) => {
      const strides = i % 20 === 0 ? [1, 100] : [100, 1]
      return [p.text(`w${i}`), p.tensor({ count: 10_000, shape: [100, 100], strides })] as const
    })
    await writeFile(path, p.checkpoint(p.dictionary(tensors), { 0: new Uint8Array(40_000).fill(7) }))
    const weights = await readWeights(path)
    expect(weights.size).toBe(1000)
    expect([...weights.values()].every(({ data }) => data.every(byte => byte === 7))).toBe(true)
  })

  test('half a million numbers and texts beside the weights', async () => {
    const path = join(folder, 'history.pth')
    const history = `](${Array.from({ length: 250_000 }, (_, i) => `${p.int(i)}${p.text(`loss ${i}`)}`).join('')}e`
    await writeFile(path, beside(history))
    expect((await readWeights(path)).size).toBe(1)
  })

  test('zeros packed a hundredfold', async () => {
    const path = join(folder, 'packed.npz')
    const header = "{'descr': '|u1', 'fortran_order': False, 'shape': (30000000,), }\n"
    const start = Buffer.from(`\x93NUMPY\x01\0${String.fromCharCode(header.length)}\0${header}`, 'latin1')
    await writeFile(
      path,
      p.archive([{ name: 'a.npy', data: Buffer.concat([start, new Uint8Array(30_000_000)]), deflate: true }]),
    )
    expect((await readWeights(path)).get('a')?.shape).toEqual([30_000_000])
  })
})
