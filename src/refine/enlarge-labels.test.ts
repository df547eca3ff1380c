import { expect, test } from 'vitest'
import { bestLabels } from '../models/segmentation/inference.ts'
import { ops, scope } from '../torch/index.ts'
import { crfMemory, refuseLargeCrf } from './crf-memory.ts'
import { enlargedBestLabels, enlargedLabels } from './enlarge-labels.ts'

test.each([
  [7, 5, 23, 31],
  [6, 4, 60, 40],
  [1, 3, 5, 9],
  [9, 8, 4, 3],
])('labels of %i x %i probabilities at %i x %i are those of torch', (w, h, width, height) => {
  scope(() => {
    const planes = ops.rand([3, h, w])
    const want = bestLabels(planes, { width, height }).data
    const got = enlargedBestLabels(planes.toFloat32Array(), { width: w, height: h }, { width, height }).data
    const other = got.filter((label, i) => label !== want[i]).length // rounding at ties
    expect(other).toBeLessThanOrEqual(Math.ceil(0.002 * got.length))
  })
})

test('labels that cannot be mixed are those of the nearest pixel', () => {
  const labels = { width: 2, height: 1, data: Uint8Array.of(3, 254) }
  expect(enlargedLabels(labels, { width: 4, height: 2 }).data).toEqual(
    Uint8Array.of(3, 3, 254, 254, 3, 3, 254, 254),
  )
  expect(enlargedLabels(labels, { width: 2, height: 1 }).data).toBe(labels.data)
})

test('a CRF that does not fit into memory is refused before it is begun', () => {
  const large = { width: 6000, height: 4000, labels: 21, name: 'big' }
  expect(() => refuseLargeCrf(large, { budget: () => 3e9 })).toThrow(
    'big (image): the dense CRF of 6000 x 4000 pixels and 21 labels needs about 14.2 GB; 3.0 GB of memory may be used; give a smaller image',
  )
  refuseLargeCrf(large, { budget: () => crfMemory({ pixels: 24e6, labels: 21 }) })
})
