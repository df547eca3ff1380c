import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { zipCheckpoint } from '../../test/checkpoints.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { writeSafetensors } from './safetensors.ts'
import { fromFloat32, type TensorData, toFloat32Array } from './tensor-data.ts'
import { readWeights } from './weights.ts'

const one = (...values: number[]): TensorData => fromFloat32(Float32Array.from(values))
const map = (names: Record<string, string>) =>
  JSON.stringify({ metadata: { total_size: 8 }, weight_map: names })
const PARTS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const

async function shards(index: string, contents: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const folder = await temporaryFolder({ 'model.safetensors.index.json': index })
  for (const [file, names] of Object.entries(contents))
    await writeSafetensors(join(folder, file), new Map(names.map((name, i) => [name, one(i, i + 1)])))
  return join(folder, 'model.safetensors.index.json')
}

describe('an index of parts', () => {
  test('safetensors', async () => {
    const index = await shards(map({ a: PARTS[0], b: PARTS[1], c: PARTS[1] }), {
      [PARTS[0]]: ['a'],
      [PARTS[1]]: ['b', 'c'],
    })
    const weights = await readWeights(index)
    expect([...weights.keys()]).toEqual(['a', 'b', 'c'])
    expect([...toFloat32Array(weights.get('c')!)]).toEqual([1, 2])
  })

  test('PyTorch', async () => {
    const parts = ['pytorch_model-00001-of-00002.bin', 'pytorch_model-00002-of-00002.bin'] as const
    const folder = await temporaryFolder({
      'pytorch_model.bin.index.json': map({ a: parts[0], b: parts[1] }),
      [parts[0]]: zipCheckpoint(new Map([['a', one(1)]])),
      [parts[1]]: zipCheckpoint(new Map([['b', one(2)]])),
    })
    expect([...(await readWeights(join(folder, 'pytorch_model.bin.index.json'))).keys()]).toEqual(['a', 'b'])
    await expect(readWeights(join(folder, parts[1]))).rejects.toThrow(
      `${join(folder, parts[1])}: is part 2 of 2 of the weights; give ${join(folder, 'pytorch_model.bin.index.json')}, which names them all`,
    )
  })

  test('all that does not fit is said at once', async () => {
    const index = await shards(map({ a: PARTS[0], b: PARTS[1], c: PARTS[1], d: 'gone.safetensors' }), {
      [PARTS[0]]: ['a'],
      [PARTS[1]]: ['a', 'b', 'z'],
    })
    await expect(readWeights(index)).rejects.toThrow(
      `${index}: does not fit the files beside it: absent files: gone.safetensors; tensors missing from their files: c; in two files: a (${PARTS[0]} and ${PARTS[1]}); not in the index: z; download the index and all of its files again, into one folder`,
    )
  })

  test.each([
    ['../elsewhere.safetensors', 'names no file beside the index'],
    ['/etc/passwd', 'names no file beside the index'],
    ['..', 'names no file beside the index'],
  ])('%s is refused', async (file, problem) => {
    const index = await shards(map({ a: file }), {})
    await expect(readWeights(index)).rejects.toThrow(`${index} (a): ${problem}`)
  })

  test.each([
    ['{"model_type": "vit"}', 'is JSON without a weight_map'],
    ['{"weight_map": {}}', 'is JSON without a weight_map'],
    ['{"weight_map": [', 'begins like JSON and is none'],
  ])('%s', async (text, problem) => {
    const folder = await temporaryFolder({ 'config.json': text })
    await expect(readWeights(join(folder, 'config.json'))).rejects.toThrow(problem)
  })

  test('an index that names itself ends', async () => {
    const folder = await temporaryFolder({ 'a.index.json': map({ a: 'a.index.json' }) })
    await expect(readWeights(join(folder, 'a.index.json'))).rejects.toThrow('is an index of further files')
    await writeFile(join(folder, 'b.index.json'), map({ a: 'a.index.json' }))
    await expect(readWeights(join(folder, 'b.index.json'))).rejects.toThrow('is an index of further files')
  })
})
