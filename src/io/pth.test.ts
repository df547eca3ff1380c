import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { legacyCheckpoint, zipCheckpoint } from '../../test/checkpoints.ts'
import { InputError } from '../errors.ts'
import { readPth } from './pth.ts'
import {
  elementCount,
  fromFloat32,
  fromUint8,
  itemSize,
  type TensorData,
  toFloat64Array,
} from './tensor-data.ts'
import { readWeights } from './weights.ts'

const fixtures = join(import.meta.dirname, '../../test/fixtures/checkpoints')
type Expected = Record<string, { dtype: string; shape: number[]; values: number[] }>
let expected: Expected
let folder: string

beforeAll(async () => {
  expected = JSON.parse(await readFile(join(fixtures, 'expected.json'), 'utf8')) as Expected
  folder = await mkdtemp(join(tmpdir(), 'tagmask-pth-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('every form of checkpoint gives the same tensors', () => {
  test.each([
    ['zip_state_dict.pth', '', 13],
    ['zip_model_key.pth', 'model', 13],
    ['zip_dataparallel.pth', '', 13],
    ['zip_parameters.pth', '', 10],
    ['legacy_state_dict.pth', '', 13],
    ['legacy_model_key_args.pth', 'model', 13],
  ])('%s', async (name, under, count) => {
    const { tensors, foundUnder } = await readPth(join(fixtures, name))
    expect(foundUnder).toBe(under)
    expect(tensors.size).toBe(count)
    for (const [key, tensor] of tensors) {
      const { dtype, shape, values } = expected[key]!
      expect({ key, dtype: tensor.dtype, shape: tensor.shape }).toEqual({ key, dtype, shape })
      expect([...toFloat64Array(tensor)]).toEqual(values)
      expect(tensor.data.byteOffset % itemSize(tensor.dtype)).toBe(0)
    }
  })

  test('a key can be asked for; one that is absent is said so with those there are', async () => {
    const path = join(fixtures, 'legacy_model_key_args.pth')
    expect((await readPth(path, { key: 'model' })).tensors.size).toBe(13)
    await expect(readPth(path, { key: 'model_ema' })).rejects.toThrow(/'model_ema'.*model, epoch, args/)
  })
})

describe('what is not plain data is refused', () => {
  test.each(['evil_zip.pth', 'evil_legacy.pth'])('%s', async name => {
    await expect(readPth(join(fixtures, name))).rejects.toThrow(/refused.*posix\.system/)
    expect(existsSync('tagmask-was-here')).toBe(false)
  })
})

describe('what is cut off says so', () => {
  test.each(['truncated_zip.pth', 'truncated_legacy.pth'])('%s', async name => {
    const failure = readPth(join(fixtures, name))
    await expect(failure).rejects.toThrow(InputError)
    await expect(failure).rejects.toThrow(/cut off/)
  })

  test('at any byte', async () => {
    const path = join(folder, 'cut.pth')
    for (const name of ['zip_model_key.pth', 'legacy_model_key_args.pth']) {
      const whole = await readFile(join(fixtures, name))
      for (let length = 0; length < whole.byteLength; length += 37) {
        await writeFile(path, whole.subarray(0, length))
        await expect(readPth(path)).rejects.toThrow(InputError)
      }
    }
  })
})

test('whatever bytes are changed, there is an InputError or tensors as long as their shapes', async () => {
  const path = join(folder, 'fuzz.pth')
  const names = ['zip_model_key.pth', 'legacy_model_key_args.pth', 'zip_parameters.pth']
  const originals = await Promise.all(names.map(name => readFile(join(fixtures, name))))
  const change = fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(fc.nat(2), change, async (which, changes) => {
      const bytes = Buffer.from(originals[which]!)
      for (const [at, value] of changes) bytes[at % bytes.byteLength] = value
      await writeFile(path, bytes)
      try {
        for (const { dtype, shape, data } of (await readPth(path)).tensors.values()) {
          expect(data.byteLength).toBe(elementCount(shape) * itemSize(dtype))
        }
      } catch (error) {
        if (!(error instanceof InputError)) throw error
      }
    }),
    { numRuns: 600 },
  )
  expect(existsSync('tagmask-was-here')).toBe(false)
})

describe('NaN and infinity are found wherever they are', () => {
  const long = (bad: number | undefined, at = 0): Float32Array => {
    const values = new Float32Array(600_000).fill(0.25) // more than a piece
    if (bad !== undefined) values[at] = bad
    return values
  }

  test.each([
    ['zip', zipCheckpoint],
    ['legacy', legacyCheckpoint],
  ] as const)('%s', { timeout: 60_000 }, async (_, write) => {
    const path = join(folder, 'nan.pth')
    const odd = fromUint8(Uint8Array.of(255, 255, 255)) // whole numbers whose bits are those of NaN; moves what follows
    const half = { dtype: 'float16', shape: [2], data: Uint8Array.of(0, 0x3c, 0, 0x7c) } as const // 1, infinity
    const weights = (values: Float32Array) =>
      new Map<string, TensorData>([
        ['a', fromFloat32(long(undefined))],
        ['odd', odd],
        ['b', fromFloat32(values)],
      ])
    await writeFile(path, write(weights(long(undefined))))
    expect([...(await readWeights(path)).keys()]).toEqual(['a', 'odd', 'b'])
    for (const at of [0, 299_999, 599_999]) {
      await writeFile(path, write(weights(long(Number.NEGATIVE_INFINITY, at))))
      await expect(readWeights(path)).rejects.toThrow('nan.pth (b): holds a value that is NaN or infinite')
    }
    await writeFile(path, write(new Map<string, TensorData>([['half', half]])))
    await expect(readWeights(path)).rejects.toThrow('nan.pth (half): holds a value that is NaN or infinite')
  })
})
