import { expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { WEAKTR_VOC_LABEL_CRF } from './crf-parameters.ts'
import { crfHardLabels } from './label-crf.ts'

const width = 24
const height = 16

/** Dark on the left, bright on the right. */
const image = {
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => ((i / 3) % width < width / 2 ? 20 : 220)),
}

/** Labels that follow the image but for specks. */
function labelled(left: number, right: number): { width: number; height: number; data: Uint8Array } {
  const data = Uint8Array.from({ length: width * height }, (_, p) =>
    p % 41 === 0 ? right : p % width < width / 2 ? left : right,
  )
  return { width, height, data }
}

test('specks go, edges stay, and labels keep their numbers', async () => {
  const labels = labelled(3, 19)
  const refined = await crfHardLabels({ image, labels, present: [0, 19, 3], ...WEAKTR_VOC_LABEL_CRF })
  expect(refined.data).toEqual(labels.data.map((_, p) => (p % width < width / 2 ? 3 : 19)))
  expect(labels.data[0]).toBe(19) // as it was given
})

test('gtProb says how much a label is believed', async () => {
  const labels = labelled(0, 1)
  const believed = await crfHardLabels({ image, labels, present: [0, 1], gtProb: 0.9999999, bilateral: null })
  expect(believed.data).toEqual(labels.data)
})

test('one label is what it was', async () => {
  const labels = { width, height, data: new Uint8Array(width * height) }
  expect(await crfHardLabels({ image, labels, present: [0] })).toEqual(labels)
})

test('a label that is not there, an image of another size', async () => {
  const refine = (present: number[], sample = image): Promise<unknown> =>
    crfHardLabels({ image: sample, labels: labelled(0, 7), present, name: 'a.jpg' })
  await expect(refine([0, 1])).rejects.toThrow('a.jpg: holds the label 7; its labels are 0, 1')
  await expect(refine([0, 7], { ...image, width: 12, data: image.data.subarray(0, 576) })).rejects.toThrow(
    InputError,
  )
})
