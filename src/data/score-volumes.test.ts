import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeSafetensors } from '../io/safetensors.ts'
import type { TensorData } from '../io/tensor-data.ts'
import { readScoreVolumes, writeScoreVolumes } from './score-volumes.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-'))
})
afterAll(() => rm(folder, { recursive: true }))

function floats(shape: readonly number[], values: readonly number[]): TensorData {
  return { dtype: 'float32', shape, data: new Uint8Array(Float32Array.from(values).buffer) }
}

test('what is written is read', async () => {
  const file = join(folder, 'a.safetensors')
  const low = floats([2, 1, 3], [1, 0, 0.5, 0, 1, 0.5])
  await writeScoreVolumes(file, { low, high: low, classes: [4] })
  expect(await readScoreVolumes(file)).toEqual({
    width: 3,
    height: 1,
    channels: 2,
    low: Float32Array.of(1, 0, 0.5, 0, 1, 0.5),
    high: Float32Array.of(1, 0, 0.5, 0, 1, 0.5),
  })
})

test('another kind of file is refused', async () => {
  const file = join(folder, 'b.safetensors')
  const expected = 'two tensors low and high of one shape [channels, height, width]; delete it and run again'
  await writeSafetensors(file, new Map([['low', floats([1, 1, 1], [1])]]))
  await expect(readScoreVolumes(file)).rejects.toThrow(`${file}: holds no label scores; ${expected}`)
  await writeScoreVolumes(file, {
    low: floats([1, 1, 2], [1, 1]),
    high: floats([1, 2, 1], [1, 1]),
    classes: [],
  })
  await expect(readScoreVolumes(file)).rejects.toThrow(`${file}: holds no label scores; ${expected}`)
})
