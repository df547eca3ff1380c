import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { encodeNpyDictionary } from '../../io/npy.ts'
import { fromFloat32, fromInt64, type TensorData } from '../../io/tensor-data.ts'
import { readCamClasses, readCams } from './cam-file.ts'

async function fileOf(entries: readonly (readonly [string | number, TensorData])[]): Promise<string> {
  const path = join(await temporaryFolder([]), 'a.npy')
  await writeFile(path, encodeNpyDictionary(new Map(entries)))
  return path
}

const zeros = (...shape: number[]): TensorData =>
  fromFloat32(new Float32Array(shape.reduce((product, n) => product * n, 1)), shape)

it('is read at a smaller size, and for its classes alone', async () => {
  const map = fromFloat32(Float32Array.of(0, 1, 0.5, 0.5), [2, 2])
  const file = await fileOf([
    [3, map],
    ['0', map],
  ])
  expect(await readCamClasses(file)).toEqual([3, 0])
  const { maps, own, width } = await readCams(file, { sizeOf: () => ({ width: 1, height: 1 }) })
  expect([width, own.width, maps.get(3)![0]]).toEqual([1, 2, 0.5])
})

it('is refused in a sentence when it is another dictionary', async () => {
  const keys = fromInt64(BigInt64Array.of(0n, 1n))
  const cases: [string, [string | number, TensorData][]][] = [
    ['holds a dictionary without classes', []],
    ['has the key "cat"', [['cat', zeros(2, 2)]]],
    ['holds [1, 2, 2] for class 0', [[0, zeros(1, 2, 2)]]],
    ['holds [0, 2] for class 0', [[0, zeros(0, 2)]]],
    [
      'holds maps of several sizes, [2, 2] and [2, 3]',
      [
        [0, zeros(2, 2)],
        [1, zeros(2, 3)],
      ],
    ],
    ['holds keys without high_res [K, H, W]', [['keys', keys]]],
    [
      'holds 3 maps and 2 keys',
      [
        ['keys', keys],
        ['high_res', zeros(3, 2, 2)],
      ],
    ],
  ]
  for (const [problem, entries] of cases)
    await expect(readCams(await fileOf(entries))).rejects.toThrow(
      `a.npy: ${problem}; a dictionary {class from 0: scores [H, W]} saved by np.save, or IRN's {'keys', 'high_res'}`,
    )
})

it("is read where IRN's scripts have put PyTorch's tensors into it", async () => {
  const fixture = join(import.meta.dirname, '../../../test/fixtures/checkpoints/irn_cam.npy')
  const { maps, width, height } = await readCams(fixture)
  expect([width, height, [...maps.keys()], maps.get(14)![23]]).toEqual([6, 4, [3, 14], 47 / 64])
})
