import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memory, ops, scope, tensor } from '../torch/index.ts'
import { applyPatchAffinity } from './patch-affinity.ts'

const sizes = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  classes: fc.integer({ min: 1, max: 3 }),
  rows: fc.integer({ min: 1, max: 4 }),
  columns: fc.integer({ min: 1, max: 4 }),
})

test('out_i = sum_j A_ij cam_j, where A is S or S + S^T', () => {
  fc.assert(
    fc.property(sizes, ({ batch, classes, rows, columns }) =>
      scope(() => {
        const patches = rows * columns
        const [maps, attention] = [
          ops.rand([batch, classes, rows, columns]),
          ops.rand([batch, patches, patches]),
        ]
        const [cam, s] = [maps.toFloat32Array(), attention.toFloat32Array()]
        for (const affinity of ['published', 'transposed'] as const) {
          const refined = applyPatchAffinity(maps, attention, { affinity })
          expect(refined.shape).toEqual(maps.shape)
          const got = refined.toFloat32Array()
          got.forEach((value, at) => {
            const [b, k, i] = [
              Math.floor(at / classes / patches),
              Math.floor(at / patches) % classes,
              at % patches,
            ]
            let want = 0
            for (let j = 0; j < patches; j++) {
              const weight = (from: number, to: number): number => s[(b * patches + from) * patches + to]!
              const both = weight(i, j) + (affinity === 'transposed' ? weight(j, i) : 0)
              want += both * cam[(b * classes + k) * patches + j]!
            }
            expect(value).toBeCloseTo(want, 4)
          })
        }
      }),
    ),
    { numRuns: 15 },
  )
})

test('the published affinity is the default, and rows attend to columns', () => {
  const before = memory().live
  scope(() => {
    const maps = tensor([1, 0], [1, 1, 1, 2])
    const attention = tensor([0, 0, 1, 0], [1, 2, 2]) // the second patch looks at the first
    expect([...applyPatchAffinity(maps, attention).toFloat32Array()]).toEqual([0, 1])
    const back = tensor([0, 1], [1, 1, 1, 2])
    expect([...applyPatchAffinity(back, attention).toFloat32Array()]).toEqual([0, 0])
    expect([...applyPatchAffinity(back, attention, { affinity: 'transposed' }).toFloat32Array()]).toEqual([
      1, 0,
    ])
  })
  expect(memory().live).toBe(before)
})
