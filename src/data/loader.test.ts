import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { readImage, writeImage } from '../io/image.ts'
import type { BatchSource } from './batch-loader.ts'
import { type Batch, openEvalLoader, openTrainLoader, type TrainLoaderOptions } from './loader.ts'
import { randomStream, sampleRandom } from './random.ts'
import type { Dataset, Sample } from './sample.ts'
import { evalSample } from './transforms/eval.ts'
import { IMAGENET } from './transforms/normalise.ts'
import { PADDED_CROP, paddedCropSample } from './transforms/padded-crop.ts'
import { RANDOM_ERASING } from './transforms/random-erasing.ts'
import { TRAIN_TRANSFORM, type TrainTransform, trainSample } from './transforms/train.ts'
import { scaleViews } from './transforms/views.ts'
import { loadViews } from './view-loader.ts'
import { openWorkerPool } from './worker-pool.ts'

const COUNT = 23
const BAD = 5
let root = ''
let dataset: Dataset
let withBad: Dataset

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-loader-'))
  const random = randomStream(1)
  const samples: Sample[] = []
  for (let i = 0; i < COUNT; i++) {
    const width = random.integer(30, 60)
    const height = random.integer(30, 60)
    const data = Uint8Array.from({ length: width * height * 3 }, () => random.integer(0, 255))
    const image = join(root, `${i}.png`)
    await writeImage(image, { width, height, data })
    samples.push({ id: `p${i}`, image, tags: i % 10 === 9 ? [] : [i % 3], mask: undefined })
  }
  dataset = { name: 'noise', root, split: 'train', classes: ['a', 'b', 'c'], samples, warnings: [] }
  const broken = join(root, 'broken.jpg')
  await writeFile(broken, 'not an image')
  withBad = { ...dataset, samples: samples.map((p, i) => (i === BAD ? { ...p, image: broken } : p)) }
})

afterAll(() => rm(root, { recursive: true, force: true }))

const SETTINGS: TrainLoaderOptions = {
  batchSize: 4,
  seed: 7,
  views: [{ ...TRAIN_TRANSFORM, imageSize: 32, erasing: { ...RANDOM_ERASING, probability: 0.5 } }],
}

/** Everything an epoch gives, copied out of the shared memory. */
async function collect(loader: BatchSource<Batch>, epoch: number, options?: { startBatch?: number }) {
  const batches = []
  for await (const batch of loader.epoch(epoch, options))
    batches.push({ ...batch, images: batch.images.slice(), targets: batch.targets.slice() })
  return batches
}

async function using<L extends BatchSource<Batch>, T>(
  loader: L,
  work: (loader: L) => Promise<T>,
): Promise<T> {
  try {
    return await work(loader)
  } finally {
    await loader.close()
  }
}

describe('the training loader', () => {
  test('gives the same bytes with one thread or two, any prefetch, with or without cache', async () => {
    const variants = [{}, { workers: 2 }, { workers: 2, prefetch: 0 }, { prefetch: 7, cacheBytes: 2 ** 20 }]
    const results = []
    for (const variant of variants)
      results.push(
        await using(openTrainLoader(dataset, { ...SETTINGS, ...variant }), async loader => [
          await collect(loader, 0),
          await collect(loader, 1),
        ]),
      )
    for (const result of results.slice(1)) expect(result).toEqual(results[0])
    const [first, second] = results[0]!
    expect(first).toHaveLength(5)
    expect(first![0]!.images).not.toEqual(second![0]!.images)
    expect(first!.flatMap(({ ids }) => ids)).not.toEqual(second!.flatMap(({ ids }) => ids))
  })

  test('gives further views of an image in its place, and where it lies in the first', async () => {
    const padded = { ...PADDED_CROP, imageSize: 32 }
    const views = [padded, ...SETTINGS.views]
    const batches = await using(openTrainLoader(dataset, { ...SETTINGS, views }), loader =>
      collect(loader, 0),
    )
    expect(batches).toHaveLength(5)
    for (const batch of batches) {
      const [length, both] = [3 * 32 * 32, 2 * 3 * 32 * 32]
      for (const [row, id] of batch.ids.entries()) {
        const index = Number(id.slice(1)) - Math.floor(Number(id.slice(1)) / 10) // of the tagged
        const image = await readImage(dataset.samples[Number(id.slice(1))]!.image)
        const want = [new Float32Array(length), new Float32Array(length)]
        const box = paddedCropSample(image, padded, sampleRandom(7, 0, index), want[0]!)
        trainSample(image, SETTINGS.views[0] as TrainTransform, randomStream(7, 0, index, 1), want[1])
        for (const view of [0, 1]) {
          const start = row * both + view * length
          expect(batch.images.slice(start, start + length)).toEqual(want[view])
        }
        expect(batch.boxes[row]).toEqual(box)
      }
    }
  })

  test('another seed gives other batches', async () => {
    const epochs = []
    for (const seed of [7, 8])
      epochs.push(await using(openTrainLoader(dataset, { ...SETTINGS, seed }), loader => collect(loader, 0)))
    expect(epochs[0]).not.toEqual(epochs[1])
  })

  test('skips images without tags, counts them, and drops the last batch only on request', async () => {
    await using(openTrainLoader(dataset, { ...SETTINGS, dropLast: false }), async loader => {
      expect(loader.batches).toBe(6)
      const batches = await collect(loader, 0)
      expect(batches.map(({ size }) => size)).toEqual([4, 4, 4, 4, 4, 1])
      const tagged = dataset.samples.filter(({ tags }) => tags.length > 0).map(({ id }) => id)
      expect(batches.flatMap(({ ids }) => ids).sort()).toEqual(tagged.sort())
      for (const { ids, targets, images, size } of batches) {
        expect(images).toHaveLength(size * 3 * 32 * 32)
        const rows = ids.map((_, row) => [...targets.subarray(row * 3, row * 3 + 3)])
        expect(rows).toEqual(ids.map(id => [0, 1, 2].map(k => (Number(id.slice(1)) % 3 === k ? 1 : 0))))
      }
    })
  })

  test('resumes in mid-epoch with the batches of an unbroken run', async () => {
    const whole = await using(openTrainLoader(dataset, SETTINGS), loader => collect(loader, 3))
    const rest = await using(openTrainLoader(dataset, { ...SETTINGS, workers: 2 }), loader =>
      collect(loader, 3, { startBatch: 2 }),
    )
    expect(rest).toEqual(whole.slice(2))
    expect(rest[0]!.index).toBe(2)
  })

  test('an epoch can be left early and another begun', async () => {
    await using(openTrainLoader(dataset, SETTINGS), async loader => {
      for await (const batch of loader.epoch(0)) if (batch.index === 1) break
      const again = await collect(loader, 0)
      expect(again).toEqual(await using(openTrainLoader(dataset, SETTINGS), other => collect(other, 0)))
    })
  })

  test('leaves a bad image out, and names it once', async () => {
    const reports: string[] = []
    const onBadImage = ({ id }: Sample, error: InputError) => reports.push(`${id} ${error.message}`)
    const options = { ...SETTINGS, dropLast: false, onBadImage }
    const good = await using(openTrainLoader(dataset, options), loader => collect(loader, 0))
    const batches = await using(openTrainLoader(withBad, options), async loader => {
      await collect(loader, 1)
      return collect(loader, 0)
    })
    expect(reports).toEqual([expect.stringMatching(/^p5 .*broken\.jpg: cannot be decoded/)])
    const short = good.findIndex(({ ids }) => ids.includes('p5'))
    const place = good[short]!.ids.indexOf('p5')
    expect(batches[short]!.size).toBe(good[short]!.size - 1)
    expect(batches[short]!.ids).toEqual(good[short]!.ids.filter(id => id !== 'p5'))
    const length = 3 * 32 * 32
    const expected = [...good[short]!.images]
    expected.splice(place * length, length)
    expect([...batches[short]!.images]).toEqual(expected)
    expect(batches.filter((_, i) => i !== short)).toEqual(good.filter((_, i) => i !== short))
  })

  test('throws on a bad image when strict', async () => {
    const loader = openTrainLoader(withBad, { ...SETTINGS, dropLast: false, strict: true })
    await using(loader, async () => {
      const run = collect(loader, 0)
      await expect(run).rejects.toThrow(InputError)
      await expect(run).rejects.toThrow(/broken\.jpg: cannot be decoded/)
    })
  })

  test('refuses a data set smaller than a batch', () => {
    expect(() => openTrainLoader(dataset, { ...SETTINGS, batchSize: 64 })).toThrow(
      /has 21 tagged images in train; a batch needs 64/,
    )
  })

  test('refuses to run without a thread', () => {
    expect(() => openTrainLoader(dataset, { ...SETTINGS, workers: 0 })).toThrow(/workers: is 0; at least one/)
  })

  test('a closed loader fails instead of waiting', async () => {
    const loader = openTrainLoader(dataset, SETTINGS)
    const epoch = loader.epoch(0)
    await epoch.next()
    await loader.close()
    await expect(collect(loader, 0)).rejects.toThrow(/one epoch at a time/)
    await epoch.return()
    await expect(collect(loader, 0)).rejects.toThrow(/was closed/)
  })
})

test('the evaluation loader gives every image in order', async () => {
  const transform = { imageSize: 32, ...IMAGENET }
  const batches = await using(openEvalLoader(dataset, { batchSize: 5, transform }), loader =>
    collect(loader, 0),
  )
  expect(batches.flatMap(({ ids }) => ids)).toEqual(dataset.samples.map(({ id }) => id))
  const want = evalSample(await readImage(dataset.samples[6]!.image), transform)
  expect(batches[1]!.images.subarray(3 * 32 * 32, 2 * 3 * 32 * 32)).toEqual(want)
})

describe('the view loader', () => {
  const scales = [1, 0.75, 1.25]

  test('gives every image in order with its scales', async () => {
    const seen = []
    for await (const { sample, image, views } of loadViews(dataset.samples, { scales, workers: 2 })) {
      const want = await readImage(sample.image)
      expect([image.width, image.height]).toEqual([want.width, want.height])
      expect(views).toEqual(scaleViews(want, { scales }))
      seen.push(sample.id)
    }
    expect(seen).toEqual(dataset.samples.map(({ id }) => id))
  })

  test('leaves a bad image out, or throws when strict', async () => {
    const bad: string[] = []
    const seen = []
    const onBadImage = ({ id }: Sample) => bad.push(id)
    for await (const { sample } of loadViews(withBad.samples, { scales, onBadImage })) seen.push(sample.id)
    expect(bad).toEqual(['p5'])
    expect(seen).toEqual(dataset.samples.map(({ id }) => id).filter(id => id !== 'p5'))
    const strict = async () => {
      for await (const _ of loadViews(withBad.samples, { scales, strict: true }));
    }
    await expect(strict()).rejects.toThrow(/broken\.jpg/)
  })
})

test.each([
  ['exits', 'process.exit(3)', /ended with code 3/],
  ['throws', 'throw new Error("lost")', /stopped: lost/],
])('a thread that %s is an error, not a wait', async (_, code, message) => {
  const script = `import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { ${code} })`
  const pool = openWorkerPool<number, number>(new URL(`data:text/javascript,${encodeURIComponent(script)}`), {
    size: 2,
    job: undefined,
  })
  const both = [pool.run(0, 1), pool.run(1, 1)]
  await expect(Promise.all(both)).rejects.toThrow(message)
  await Promise.allSettled(both)
  await expect(pool.run(1, 1)).rejects.toThrow(message)
  await pool.close()
})

describe('images that are gone', () => {
  let share: string
  let shared: Dataset

  beforeEach(async () => {
    share = join(root, 'share')
    await mkdir(share)
    const samples = await Promise.all(
      dataset.samples.slice(0, 9).map(async (sample, i) => {
        const image = join(share, `${i}.png`)
        await copyFile(sample.image, image)
        return { ...sample, image, tags: [0] }
      }),
    )
    shared = { ...dataset, samples }
  })

  afterEach(() => rm(share, { recursive: true, force: true }))

  test('a folder that goes away in mid-epoch ends the epoch at once, and no image is called bad', async () => {
    const named: string[] = []
    const options = {
      ...SETTINGS,
      batchSize: 2,
      prefetch: 0,
      onBadImage: ({ id }: Sample) => named.push(id),
    }
    await using(openTrainLoader(shared, options), async loader => {
      const epoch = loader.epoch(0)
      expect((await epoch.next()).value).toMatchObject({ index: 0, size: 2 })
      await rename(share, `${share}-away`)
      const failed = await epoch.next().then(undefined, (error: unknown) => error)
      await rename(`${share}-away`, share)
      expect(failed).toBeInstanceOf(InputError)
      expect((failed as InputError).message.replace(/\d\.png/, 'N.png')).toBe(
        `${join(share, 'N.png')}: cannot be opened any more, nor can any other image that was tried; is their folder ` +
          'there and readable? Once it is, resume with the same command',
      )
      expect(named).toEqual([])
      expect((await collect(loader, 0, { startBatch: 1 })).map(({ index, size }) => [index, size])).toEqual([
        [1, 2],
        [2, 2],
        [3, 2],
      ])
    })
  })

  test('a batch of which some are in memory is not learned from in part', async () => {
    const options = { ...SETTINGS, batchSize: 9, prefetch: 0, cacheBytes: 40_000 }
    await using(openTrainLoader(shared, options), async loader => {
      expect(await collect(loader, 0)).toHaveLength(1)
      await rename(share, `${share}-away`)
      await expect(collect(loader, 1)).rejects.toThrow(/cannot be opened any more/)
      await rename(`${share}-away`, share)
      expect((await collect(loader, 1)).map(({ size }) => size)).toEqual([9])
    })
  })

  test('single files that are gone are left out and counted', async () => {
    const tallies: unknown[] = []
    for (const i of [1, 4]) await rm(join(share, `${i}.png`))
    const options = { ...SETTINGS, batchSize: 1, onLost: (epoch: unknown) => void tallies.push(epoch) }
    const batches = await using(openTrainLoader(shared, options), loader => collect(loader, 0))
    expect(batches).toHaveLength(7)
    expect(tallies).toEqual([
      { lost: 1, total: 9 },
      { lost: 2, total: 9 },
    ])
  })
})

test('batches that no memory holds are said by name', () => {
  const options = { ...SETTINGS, batchSize: 20, views: [{ ...TRAIN_TRANSFORM, imageSize: 1_000_000 }] }
  expect(() => openTrainLoader(dataset, options)).toThrow(
    new InputError('batchSize', 'is 20: a batch takes 240000.0 GB', {
      expected: 'lower it, or the size of the images: 4 batches are held in memory',
    }),
  )
})
