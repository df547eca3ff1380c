import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { writeImage } from '../io/image.ts'
import { writeLabelMap } from '../io/indexed-png.ts'
import { type LabelledLoaderOptions, openLabelledLoader } from './labelled-loader.ts'
import type { Sample } from './sample.ts'
import { SEGMENT_TRANSFORM } from './transforms/segment.ts'
import { loadViews } from './view-loader.ts'

const SIDE = 40
const CROP = 24
let root = ''
let samples: Sample[] = []

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-labelled-'))
  samples = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const image = join(root, `${i}.png`)
      // the left half is dark and background, the right one bright and label i + 1: image and labels must agree
      const bright = (place: number): boolean => place % SIDE >= SIDE / 2
      const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, j) =>
        bright(Math.floor(j / 3)) ? 255 : 0,
      )
      const labels = Uint8Array.from({ length: SIDE * SIDE }, (_, j) => (bright(j) ? i + 1 : 0))
      await writeImage(image, { width: SIDE, height: SIDE, data: pixels })
      await writeLabelMap(join(root, `label-p${i}.png`), { width: SIDE, height: SIDE, data: labels })
      return { id: `p${i}`, image, tags: [], mask: undefined }
    }),
  )
})

afterAll(() => rm(root, { recursive: true, force: true }))

const labelFile = ({ id }: Sample): string => join(root, `label-${id}.png`)

async function collect(
  options: Partial<LabelledLoaderOptions> = {},
  { epoch = 0, startBatch = 0, of = samples } = {},
): Promise<{ images: Float32Array; labels: Uint8Array; size: number }[]> {
  const loader = openLabelledLoader(of, {
    batchSize: 4,
    seed: 3,
    labelFile,
    transform: { segment: { ...SEGMENT_TRANSFORM, cropSize: CROP } },
    ...options,
  })
  const batches = []
  try {
    for await (const { images, labels, size } of loader.epoch(epoch, { startBatch }))
      batches.push({ images: images.slice(), labels: labels.slice(), size })
  } finally {
    await loader.close()
  }
  return batches
}

test('pixels and labels lie at the same place, whole batches only', async () => {
  const batches = await collect()
  expect(batches.map(({ size }) => size)).toEqual([4, 4])
  for (const { images, labels } of batches) {
    expect(labels).toHaveLength(4 * CROP * CROP)
    for (let sample = 0; sample < 4; sample++) {
      const red = images.subarray(sample * 3 * CROP * CROP).subarray(0, CROP * CROP)
      const own = labels.subarray(sample * CROP * CROP, (sample + 1) * CROP * CROP)
      const clear = [...red]
        .map((value, i) => [value, own[i]!] as const)
        .filter(([value]) => Math.abs(value) > 2)
      expect(clear.length).toBeGreaterThan(CROP * CROP * 0.8)
      for (const [value, label] of clear) expect(label > 0).toBe(value > 0)
    }
  }
})

test('the same whatever the number of threads, and from the middle of an epoch', async () => {
  const whole = await collect()
  expect(await collect({ workers: 3 })).toEqual(whole)
  expect(await collect({}, { startBatch: 1 })).toEqual(whole.slice(1))
  expect(await collect({}, { epoch: 1 })).not.toEqual(whole)
})

test('images and labels are decoded once where they fit into memory', async () => {
  const folder = await mkdtemp(join(root, 'cached-'))
  const moved = await Promise.all(
    samples.slice(0, 4).map(async sample => {
      const image = join(folder, `${sample.id}.png`)
      await copyFile(sample.image, image)
      await copyFile(labelFile(sample), join(folder, `label-${sample.id}.png`))
      return { ...sample, image }
    }),
  )
  const twice = async (cacheBytes: number): Promise<number[]> => {
    const loader = openLabelledLoader(moved, {
      batchSize: 4,
      seed: 3,
      labelFile: ({ id }) => join(folder, `label-${id}.png`),
      transform: { segment: { ...SEGMENT_TRANSFORM, cropSize: CROP } },
      cacheBytes,
      prefetch: 0,
    })
    const sizes: number[] = []
    try {
      for (const epoch of [0, 1]) {
        for await (const { size } of loader.epoch(epoch)) sizes.push(size)
        for (const { image } of moved) await rm(image, { force: true })
        for (const { id } of moved) await rm(join(folder, `label-${id}.png`), { force: true })
      }
    } finally {
      await loader.close()
    }
    return sizes
  }
  expect(await twice(4 * 4 * SIDE * SIDE)).toEqual([4, 4]) // three bytes of image and one of label a pixel
})

test('one scale a batch, as published, or one an image', async () => {
  const small = { ...SEGMENT_TRANSFORM, cropSize: 60, padding: 'ignore' } as const // the padding shows the scale
  const widths = async (scalePer: 'batch' | 'image'): Promise<number[][]> => {
    const batches = await collect({ transform: { segment: { ...small, scalePer } } })
    return batches.map(({ labels }) =>
      [0, 1, 2, 3].map(sample => {
        const row = labels.subarray(sample * 3600, sample * 3600 + 60)
        return row.indexOf(255)
      }),
    )
  }
  const shared = await widths('batch')
  for (const batch of shared) expect(new Set(batch).size).toBe(1)
  expect(shared[0]![0]).not.toBe(shared[1]![0])
  const own = await widths('image')
  expect(own.some(batch => new Set(batch).size > 1)).toBe(true)
})

test('fewer images than a batch are one; the last batch is kept on request; none at all is an error', async () => {
  const sizes = async (count: number, dropLast: boolean): Promise<number[]> =>
    (await collect({ dropLast }, { of: samples.slice(0, count) })).map(({ size }) => size)
  expect(await sizes(3, true)).toEqual([3])
  expect(await sizes(3, false)).toEqual([3])
  expect(await sizes(4, true)).toEqual([4])
  expect(await sizes(7, true)).toEqual([4])
  expect(await sizes(7, false)).toEqual([4, 3])
  await expect(collect({}, { of: [] })).rejects.toThrow(
    new InputError('segment', 'no image has labels to train on', {
      expected: 'rerun the stages before it, and read what they log of the images',
    }),
  )
})

test('labels of another size are said by name', async () => {
  const wrong = join(root, 'wrong.png')
  await writeLabelMap(wrong, { width: 3, height: 2, data: new Uint8Array(6) })
  const bad: string[] = []
  const batches = await collect({
    labelFile: sample => (sample.id === 'p2' ? wrong : labelFile(sample)),
    onBadImage: ({ id }, error) => bad.push(`${id}: ${error.message}`),
    batchSize: 10,
  })
  expect(batches.map(({ size }) => size)).toEqual([9])
  expect(bad).toEqual([`p2: ${wrong}: the labels are 3 x 2 pixels; the image has 40 x 40`])
})

test('views of a large image are no larger than asked, the image itself stays', async () => {
  for await (const { image, views } of loadViews(samples.slice(0, 1), {
    scales: [1, 0.5],
    longestSide: 20,
  })) {
    expect([image.width, image.height]).toEqual([SIDE, SIDE])
    expect(views.map(({ width, height }) => [width, height])).toEqual([
      [20, 20],
      [10, 10],
    ])
  }
})
