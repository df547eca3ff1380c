import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { writeSafetensors } from './safetensors.ts'
import { fromFloat32, toFloat32Array } from './tensor-data.ts'
import { readWeights } from './weights.ts'

const fixtures = join(import.meta.dirname, '../../test/fixtures/checkpoints')
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-weights-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('safetensors, both kinds of .pth and .npz, whatever they are called', async () => {
  const safetensors = join(folder, 'called.bin')
  await writeSafetensors(safetensors, new Map([['w', fromFloat32(Float32Array.of(1, 2))]]))
  expect([...toFloat32Array((await readWeights(safetensors)).get('w')!)]).toEqual([1, 2])
  expect((await readWeights(join(fixtures, 'zip_model_key.pth'))).size).toBe(13)
  expect((await readWeights(join(fixtures, 'legacy_state_dict.pth'))).size).toBe(13)
  const renamed = join(folder, 'renamed.pth')
  await writeFile(renamed, await readFile(join(fixtures, 'augreg_tiny.npz')))
  expect((await readWeights(renamed)).has('embedding/kernel')).toBe(true)
})

test('a safetensors header of any length is told from a pickle, whose first byte is 0x80', async () => {
  const firstBytes = new Set<number>()
  for (let padding = 0; padding < 256; padding += 8) {
    const path = join(folder, 'padded.safetensors')
    await writeSafetensors(path, new Map([['w', fromFloat32(Float32Array.of(3))]]), {
      padding: 'x'.repeat(padding),
    })
    firstBytes.add((await readFile(path))[0]!)
    expect((await readWeights(path)).has('w')).toBe(true)
  }
  expect(firstBytes).toContain(0x80)
})

test.each([
  ['empty.pth', '', /zero bytes/],
  ['page.pth', '<!DOCTYPE html><html><body>404</body></html>', /web page/],
  ['page.safetensors', '\n<html><body>Sign in</body></html>', /web page/],
  ['pointer.safetensors', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', /git-lfs pointer/],
  ['zeros.pth', '\0'.repeat(500), /not finished/],
  ['notes.txt', 'some notes about weights', /not a file of weights/],
  ['array.pth', '\x93NUMPY\x01\x00', /one numpy array/],
])('%s is refused in words', async (name, content, message) => {
  const path = join(folder, name)
  await writeFile(path, content, 'latin1')
  await expect(readWeights(path)).rejects.toThrow(InputError)
  await expect(readWeights(path)).rejects.toThrow(message)
})

test.each(['zip_state_dict.pth', 'legacy_state_dict.pth', 'augreg_tiny.npz'])(
  '%s cut in half says so',
  async name => {
    const whole = await readFile(join(fixtures, name))
    const path = join(folder, `half-${name}`)
    await writeFile(path, whole.subarray(0, whole.byteLength / 2))
    await expect(readWeights(path)).rejects.toThrow(/cut off/)
  },
)

test.each([
  ['float32', new Uint8Array(Float32Array.of(1, Number.NaN).buffer)],
  ['float32', new Uint8Array(Float32Array.of(Number.NEGATIVE_INFINITY, 2).buffer)],
  ['float64', new Uint8Array(Float64Array.of(1, Number.POSITIVE_INFINITY).buffer)],
  ['float16', new Uint8Array(Uint16Array.of(0x3c00, 0xfc00).buffer)],
  ['bfloat16', new Uint8Array(Uint16Array.of(0x3f80, 0x7fc1).buffer)],
] as const)('a %s that is no number is named with its tensor', async (dtype, data) => {
  const path = join(folder, 'nan.safetensors')
  await writeSafetensors(
    path,
    new Map([
      ['a', fromFloat32(Float32Array.of(3.4e38, -3.4e38, 1e-45))],
      ['blocks.0.norm1.weight', { dtype, shape: [2], data }],
    ]),
  )
  await expect(readWeights(path)).rejects.toThrow(
    'nan.safetensors (blocks.0.norm1.weight): holds a value that is NaN or infinite; weights of a training that ended well',
  )
})

test('nor may the tensors of a .pth be anything else', async () => {
  const bytes = await readFile(join(fixtures, 'legacy_state_dict.pth'))
  const path = join(folder, 'nan.pth')
  bytes.fill(0xff, bytes.byteLength - 4) // the last value of the last storage
  await writeFile(path, bytes)
  await expect(readWeights(path)).rejects.toThrow(/nan\.pth \(.+\): holds a value that is NaN or infinite/)
})
