import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from './safetensors.ts'
import {
  type DType,
  elementCount,
  fromFloat32,
  itemSize,
  type TensorData,
  toFloat32Array,
} from './tensor-data.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-safetensors-'))
})
afterAll(() => rm(folder, { recursive: true }))

const anyDtype = fc.constantFrom<DType>(
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'bool',
)
const anyTensor: fc.Arbitrary<TensorData> = fc
  .record({ dtype: anyDtype, shape: fc.array(fc.nat(4), { maxLength: 4 }) })
  .chain(({ dtype, shape }) => {
    const bytes = elementCount(shape) * itemSize(dtype)
    return fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(data => ({ dtype, shape, data }))
  })
const anyName = fc.string({ unit: 'grapheme' }).filter(name => name !== '__metadata__')
const anyTensors = fc.array(fc.tuple(anyName, anyTensor), { maxLength: 6 }).map(pairs => new Map(pairs))

/** A file from header text (or any JSON value) and data bytes. */
async function write(header: unknown, data = new Uint8Array(0)): Promise<string> {
  const path = join(folder, 'made.safetensors')
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.byteLength))
  await writeFile(path, Buffer.concat([length, text, data]))
  return path
}

describe('round trip', () => {
  test('any tensors, names and metadata come back', async () => {
    const path = join(folder, 'round.safetensors')
    await fc.assert(
      fc.asyncProperty(anyTensors, fc.dictionary(fc.string(), fc.string()), async (tensors, metadata) => {
        await writeSafetensors(path, tensors, metadata)
        const back = await readSafetensors(path)
        expect(Object.entries(back.metadata).sort()).toEqual(Object.entries(metadata).sort())
        expect([...back.tensors.keys()].sort()).toEqual([...tensors.keys()].sort())
        for (const [name, { dtype, shape, data }] of tensors) {
          const got = back.tensors.get(name)!
          expect(got).toMatchObject({ dtype, shape })
          expect(Buffer.from(got.data).equals(Buffer.from(data))).toBe(true)
          expect(got.data.byteOffset % itemSize(dtype)).toBe(0)
        }
      }),
      { numRuns: 60 },
    )
    expect(await readdir(folder)).toEqual(['round.safetensors'])
  })

  test('reads chosen tensors alone, and the header alone', async () => {
    const path = join(folder, 'chosen.safetensors')
    const tensors = new Map([
      ['a', fromFloat32(Float32Array.of(1, 2))],
      ['b', fromFloat32(Float32Array.of(3, 4, 5, 6), [2, 2])],
    ])
    await writeSafetensors(path, tensors, { epoch: '3' })
    const { tensors: chosen } = await readSafetensors(path, { only: name => name === 'b' })
    expect([...chosen.keys()]).toEqual(['b'])
    expect([...toFloat32Array(chosen.get('b')!)]).toEqual([3, 4, 5, 6])
    const { entries, metadata } = await readSafetensorsHeader(path)
    expect(entries.get('b')).toMatchObject({ dtype: 'float32', shape: [2, 2] })
    expect(metadata).toEqual({ epoch: '3' })
  })

  test("another writer's unaligned tensors come out aligned", async () => {
    const header = {
      flag: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
      w: { dtype: 'F32', shape: [1], data_offsets: [1, 5] },
    }
    const { tensors } = await readSafetensors(await write(header, Uint8Array.of(7, 0, 0, 0x80, 0x3f)))
    expect(tensors.get('w')!.data.byteOffset % 4).toBe(0)
    expect([...toFloat32Array(tensors.get('w')!)]).toEqual([1])
  })

  test('a tensor whose bytes do not fit its shape is not written', async () => {
    const wrong = new Map([['w', { dtype: 'float32', shape: [3], data: new Uint8Array(8) } as const]])
    const path = join(folder, 'wrong.safetensors')
    await expect(writeSafetensors(path, wrong)).rejects.toThrow(/\(w\).*needs 12 bytes, not 8/)
    expect(existsSync(path)).toBe(false)
  })
})

describe('bad files are refused with a message that says where', () => {
  const f32 = { dtype: 'F32', shape: [2], data_offsets: [0, 8] }
  const cases: readonly (readonly [string, unknown, number, RegExp])[] = [
    ['not JSON', '{"a": nope}  ', 0, /not JSON/],
    ['not an object', '[1, 2, 3]', 0, /not a JSON object/],
    ['unknown dtype', { w: { ...f32, dtype: 'F8_E4M3' } }, 8, /\(w\).*F8_E4M3.*one of/],
    ['fractional shape', { w: { ...f32, shape: [0.5] } }, 8, /\(w\).*shape \[0.5\]/],
    ['negative shape', { w: { ...f32, shape: [-2] } }, 8, /\(w\).*shape/],
    ['huge shape', { w: { ...f32, shape: [2 ** 40, 2 ** 40] } }, 8, /\(w\).*needs/],
    ['offsets reversed', { w: { ...f32, data_offsets: [8, 0] } }, 8, /\(w\).*begin and an end/],
    ['offsets missing', { w: { dtype: 'F32', shape: [2] } }, 8, /\(w\).*data_offsets/],
    [
      'offsets of another size',
      { w: { ...f32, data_offsets: [0, 12] } },
      12,
      /needs 8 bytes, data_offsets give 12/,
    ],
    ['overlap', { v: f32, w: { ...f32, data_offsets: [4, 12] } }, 12, /\(w\).*overlaps/],
    ['gap', { v: f32, w: { ...f32, data_offsets: [12, 20] } }, 20, /\(w\).*4 unused bytes/],
    ['bytes left over', { w: f32 }, 12, /4 unknown bytes/],
    ['cut off', { v: f32, w: { ...f32, data_offsets: [8, 16] } }, 10, /\(w\).*cut off.*6 bytes/],
    ['metadata that is not text', { __metadata__: { a: 1 } }, 0, /__metadata__.*"a" is not text/],
  ]
  test.each(cases)('%s', async (_, header, bytes, message) => {
    const path = await write(header, new Uint8Array(bytes))
    const failure = readSafetensors(path)
    await expect(failure).rejects.toThrow(InputError)
    await expect(failure).rejects.toThrow(message)
    await expect(failure).rejects.toThrow(path)
  })

  test('zero bytes, a header that claims too much, a missing file, a folder', async () => {
    const path = join(folder, 'short.safetensors')
    await writeFile(path, '')
    await expect(readSafetensors(path)).rejects.toThrow(/empty \(zero bytes\)/)
    await writeFile(path, '<!DOCTYPE html><html></html>')
    await expect(readSafetensors(path)).rejects.toThrow(/header claims/)
    await expect(readSafetensors(join(folder, 'absent.safetensors'))).rejects.toThrow(/does not exist/)
    await expect(readSafetensors(folder)).rejects.toThrow(/is a folder/)
  })

  test('whatever is changed or cut, there is an InputError or a file of the same tensors', async () => {
    const path = join(folder, 'fuzz.safetensors')
    const tensors = new Map<string, TensorData>([
      ['weight', fromFloat32(Float32Array.of(1, 2, 3, 4), [2, 2])],
      ['flags', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
    ])
    await writeSafetensors(path, tensors, { note: 'x' })
    const good = await readFile(path)
    const change = fc.array(fc.tuple(fc.nat(good.byteLength - 1), fc.nat(255)), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(change, fc.nat(good.byteLength), async (changes, length) => {
        const bytes = Buffer.from(good)
        for (const [at, value] of changes) bytes[at] = value
        await writeFile(path, bytes)
        if (length % 2 === 1) await truncate(path, length)
        try {
          for (const { dtype, shape, data } of (await readSafetensors(path)).tensors.values()) {
            expect(data.byteLength).toBe(elementCount(shape) * itemSize(dtype))
          }
        } catch (error) {
          expect(error).toBeInstanceOf(InputError)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('the checksum', () => {
  const tensors = new Map<string, TensorData>([
    ['weight', fromFloat32(Float32Array.of(1, 2, 3, 4), [2, 2])],
    ['flags', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ])

  test('finds each byte that is changed, in the header and in the data', async () => {
    const path = join(folder, 'flipped.safetensors')
    await writeSafetensors(path, tensors, { position: '{"epoch":3}' })
    const good = await readFile(path)
    const name = good.indexOf('tagmask.crc32')
    let found = 0
    for (let at = 0; at < good.byteLength; at++) {
      if (at >= name && at < name + 13) continue // another name: no checksum, and nothing lost
      const bytes = Buffer.from(good)
      bytes[at]! ^= 1
      await writeFile(path, bytes)
      await expect(readSafetensors(path), `byte ${at}`).rejects.toThrow(InputError)
      found++
    }
    expect(found).toBe(good.byteLength - 13)
    const last = Buffer.from(good)
    last[last.byteLength - 1]! ^= 1
    await writeFile(path, last)
    await expect(readSafetensors(path)).rejects.toThrow(
      `${path} (tagmask.crc32): is damaged: what it holds does not fit its checksum; ` +
        'copy it again, or delete it and make it anew',
    )
  })

  test('is not in the metadata that comes back, and files without it are read', async () => {
    const path = join(folder, 'whole.safetensors')
    await writeSafetensors(path, tensors, { epoch: '3' })
    expect(await readFile(path, 'latin1')).toMatch(/"tagmask\.crc32":"(?!0{8})[\da-f]{8}"/)
    expect((await readSafetensors(path)).metadata).toEqual({ epoch: '3' })
    const header = { w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }
    const others = await write(header, Uint8Array.of(0, 0, 0x80, 0x3f))
    expect([...toFloat32Array((await readSafetensors(others)).tensors.get('w')!)]).toEqual([1])
  })
})
