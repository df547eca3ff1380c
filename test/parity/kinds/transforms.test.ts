import { expect, test } from 'vitest'
import { readSafetensors } from '../../../src/io/safetensors.ts'
import { checkTransforms } from './transforms.ts'

const FIXTURE = new URL('../fixtures/mctformer_transforms.safetensors', import.meta.url).pathname

test('transforms agree with Pillow, torchvision and timm', async () => {
  const file = await readSafetensors(FIXTURE)
  const comparisons = checkTransforms(file)
  expect(comparisons.filter(comparison => !comparison.ok)).toEqual([])
  const compared = new Set(comparisons.map(({ tensor }) => tensor))
  expect([...file.tensors.keys()].filter(name => !name.startsWith('in.') && !compared.has(name))).toEqual([])
})

test('a wrong byte is found', async () => {
  const file = await readSafetensors(FIXTURE)
  const crop = file.tensors.get('crop.1')!
  const data = crop.data.slice()
  data[100]! ^= 1
  const wrong = checkTransforms({
    ...file,
    tensors: new Map([...file.tensors, ['crop.1', { ...crop, data }]]),
  })
  expect(wrong.filter(({ ok }) => !ok).map(({ tensor }) => tensor)).toEqual(['crop.1'])
})
