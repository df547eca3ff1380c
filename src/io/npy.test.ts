import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { encodeNpyDictionary, readNpy, readNpyDictionary, readNpz, writeNpy } from './npy.ts'
import {
  type DType,
  elementCount,
  fromFloat32,
  fromInt64,
  itemSize,
  type TensorData,
  toFloat32Array,
  toFloat64Array,
} from './tensor-data.ts'

const fixtures = join(import.meta.dirname, '../../test/fixtures/checkpoints')
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-npy-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function written(descr: string, shape: string, data: Uint8Array, fortran = 'False'): Promise<string> {
  const path = join(folder, 'made.npy')
  const text = `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, text.length & 255, text.length >> 8])
  await writeFile(path, Buffer.concat([start, Buffer.from(text), data]))
  return path
}

describe('arrays', () => {
  test('any array comes back as it was written', async () => {
    const path = join(folder, 'round.npy')
    const dtype = fc.constantFrom<DType>(
      'float16',
      'float32',
      'float64',
      'int64',
      'int32',
      'int16',
      'int8',
      'bool',
    )
    const array = fc
      .record({ dtype, shape: fc.array(fc.nat(4), { maxLength: 4 }) })
      .chain(({ dtype, shape }) => {
        const size = elementCount(shape) * itemSize(dtype)
        return fc.uint8Array({ minLength: size, maxLength: size }).map(data => ({ dtype, shape, data }))
      })
    await fc.assert(
      fc.asyncProperty(array, async tensor => {
        await writeNpy(path, tensor)
        const { dtype, shape, data } = await readNpy(path)
        expect({ dtype, shape, data: [...data] }).toEqual({ ...tensor, data: [...tensor.data] })
      }),
      { numRuns: 60 },
    )
  })

  test('column-major files come out row-major', async () => {
    const { dtype, shape, data } = await readNpy(join(fixtures, 'fortran.npy'))
    const raw = await readFile(join(fixtures, 'fortran.npy'))
    const [rows, columns] = shape as [number, number]
    const size = itemSize(dtype)
    const columnMajor = raw.subarray(raw.byteLength - rows * columns * size)
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const at = (offset: number, from: Uint8Array) => [
          ...from.subarray(offset * size, (offset + 1) * size),
        ]
        expect(at(i * columns + j, data)).toEqual(at(j * rows + i, columnMajor))
      }
    }
    const three = await written(
      "'<i2'",
      '(2, 3, 1)',
      Uint8Array.of(1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0),
      'True',
    )
    expect([...toFloat64Array(await readNpy(three))]).toEqual([1, 3, 5, 2, 4, 6])
  })

  test('big-endian and unsigned arrays are converted', async () => {
    const big = await readNpy(await written("'>f4'", '(2,)', Uint8Array.of(0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0)))
    expect([...toFloat64Array(big)]).toEqual([1, -2])
    const unsigned = await readNpy(await written("'<u2'", '(2,)', Uint8Array.of(255, 255, 1, 0)))
    expect(unsigned.dtype).toBe('int32')
    expect([...toFloat64Array(unsigned)]).toEqual([65535, 1])
  })

  test('an archive gives its arrays by name', async () => {
    const arrays = await readNpz(join(fixtures, 'augreg_tiny.npz'))
    expect(arrays.get('embedding/kernel')).toMatchObject({ dtype: 'float32', shape: [16, 16, 3, 12] })
    expect(arrays.get('cls')?.shape).toEqual([1, 1, 12])
  })
})

test('a pickled label dictionary gives a vector for each image', async () => {
  const labels = await readNpyDictionary(join(fixtures, 'labels_object.npy'))
  expect([...labels].map(([name, vector]) => [name, [...toFloat64Array(vector)]])).toEqual([
    ['2007_000032', [1, 0, 0, 1]],
    ['2007_000039', [0, 1, 0, 0]],
  ])
})

describe('bad files', () => {
  test.each([
    ["'<c8'", '(1,)', 8, /type <c8 cannot be read/],
    ["'<f4'", '(3,)', 8, /needs 12 bytes, there are 8/],
    ["'|O'", '()', 8, /holds Python objects/],
    ["[('a', '<f4')]", '(1,)', 4, /records/],
    ["'<f4'", '(x,)', 4, /header is damaged/],
  ])('%s %s', async (descr, shape, size, message) => {
    const failure = readNpy(await written(descr, shape, new Uint8Array(size)))
    await expect(failure).rejects.toThrow(InputError)
    await expect(failure).rejects.toThrow(message)
  })

  test('no array, no bytes, no dictionary, no bfloat16', async () => {
    const path = join(folder, 'bad.npy')
    await writeFile(path, 'hello, this is text')
    await expect(readNpy(path)).rejects.toThrow(/not a numpy array/)
    await writeFile(path, '')
    await expect(readNpy(path)).rejects.toThrow(/zero bytes/)
    await expect(readNpyDictionary(join(fixtures, 'fortran.npy'))).rejects.toThrow(/plain array/)
    await expect(readNpz(join(fixtures, 'zip_state_dict.pth'))).rejects.toThrow(/holds no arrays/)
    const brain = { ...fromFloat32(Float32Array.of(1)), dtype: 'bfloat16', shape: [2] } as const
    await expect(writeNpy(path, brain)).rejects.toThrow(/no bfloat16/)
  })

  test.each(['labels_object.npy', 'irn_cam.npy'])(
    'changed bytes of %s give an InputError or an array',
    async name => {
      const original = await readFile(join(fixtures, name))
      const path = join(folder, 'fuzz.npy')
      const change = fc.array(fc.tuple(fc.nat(original.byteLength - 1), fc.nat(255)), {
        minLength: 1,
        maxLength: 4,
      })
      await fc.assert(
        fc.asyncProperty(change, async changes => {
          const bytes = Buffer.from(original)
          for (const [at, value] of changes) bytes[at] = value
          await writeFile(path, bytes)
          try {
            await readNpyDictionary(path)
          } catch (error) {
            if (!(error instanceof InputError)) throw error
          }
        }),
        { numRuns: 400 },
      )
    },
  )
})

test("reads a dictionary with PyTorch's tensors, strided ones too (IRN's step/make_cam.py, torch 1.13)", async () => {
  const dictionary = await readNpyDictionary(join(fixtures, 'irn_cam.npy'))
  const numbers = (key: string) => [...toFloat32Array(dictionary.get(key)!)]
  expect([...dictionary.keys()]).toEqual(['keys', 'cam', 'high_res'])
  expect(dictionary.get('keys')).toMatchObject({ dtype: 'int64', shape: [2] })
  expect(numbers('keys')).toEqual([3, 14])
  expect(dictionary.get('cam')!.shape).toEqual([2, 1, 2])
  expect(numbers('cam')).toEqual([0, 4, 24, 28].map(n => n / 64))
  expect(numbers('high_res')).toEqual(Array.from({ length: 48 }, (_, i) => i / 64))
})

test('a dictionary comes back as it was written, whatever its arrays', async () => {
  const arrays = new Map<string | number, TensorData>([
    ['keys', fromInt64(BigInt64Array.of(-1n, 2n ** 60n))],
    [254, fromFloat32(Float32Array.of(0, 0.5, 1), [1, 3])],
    ['ünï "q"', { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) }],
    ['empty', fromFloat32(new Float32Array(0), [0, 4])],
  ])
  await writeFile(join(folder, 'dictionary.npy'), encodeNpyDictionary(arrays))
  const back = await readNpyDictionary(join(folder, 'dictionary.npy'))
  expect([...back.keys()]).toEqual(['keys', '254', 'ünï "q"', 'empty'])
  for (const [key, { dtype, shape, data }] of arrays) {
    const array = back.get(String(key))!
    expect([array.dtype, array.shape, [...array.data]]).toEqual([dtype, shape, [...data]])
  }
  expect(() =>
    encodeNpyDictionary(new Map([[0, { dtype: 'bfloat16', shape: [1], data: new Uint8Array(2) }]])),
  ).toThrow('numpy has no bfloat16')
})
