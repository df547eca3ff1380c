import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import type { RgbImage } from '../io/image.ts'
import { crfCams } from './cam-crf.ts'
import { MCTFORMER_MASK_CRF } from './crf-parameters.ts'
import { unaryFromLabels, unaryFromScores } from './crf-unary.ts'
import { denseCrf, denseCrfBatch, mostProbableLabels } from './dense-crf.ts'

const addonPath = new URL('../../build/addons/pixels/tagmask_pixels.node', import.meta.url).pathname

function randomImage(width: number, height: number, seed = 1): RgbImage {
  const random = xoroshiro128plus(seed)
  const tone = (): number => random.next() & 63
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => ((i / 3) % width < width / 2 ? 40 : 160) + tone(),
  )
  return { width, height, data }
}

function randomScores(labels: number, pixels: number, seed = 2): Float32Array {
  const random = xoroshiro128plus(seed)
  return Float32Array.from({ length: labels * pixels }, () => ((random.next() >>> 8) + 1) / 2 ** 24)
}

function softmaxOfMinus(unary: Float32Array, pixels: number): number[] {
  const labels = unary.length / pixels
  return Array.from(unary, (energy, i) => {
    let sum = 0
    for (let l = 0; l < labels; l++) sum += Math.exp(energy - unary[l * pixels + (i % pixels)]!)
    return 1 / sum
  })
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : Number.POSITIVE_INFINITY
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!))
  return largest
}

describe('mean field', () => {
  const image = randomImage(37, 23)
  const pixels = 37 * 23

  test('starts from softmax(-unary), and stays there without terms', async () => {
    const unary = randomScores(5, pixels).map(score => 8 * score)
    const want = softmaxOfMinus(unary, pixels)
    expect(largestDifference(await denseCrf({ image, unary, iterations: 0 }), want)).toBeLessThan(1e-6)
    const still = await denseCrf({ image, unary, gaussian: null, bilateral: null })
    expect(largestDifference(still, want)).toBeLessThan(1e-6)
  })

  test('labels that cannot be change nothing, whatever the number of labels', async () => {
    const unary = randomScores(2, pixels).map(score => 3 * score)
    const two = await denseCrf({ image, unary })
    for (const labels of [3, 5, 6, 9, 10, 13, 17, 18, 21, 22, 30, 41, 81]) {
      for (const place of [0, labels - 2]) {
        const planes = new Float32Array(labels * pixels).fill(500)
        planes.set(unary, place * pixels)
        const many = await denseCrf({ image, unary: planes })
        const got = many.subarray(place * pixels, (place + 2) * pixels)
        expect(largestDifference(got, two), `${labels} labels at ${place}`).toBeLessThan(1e-4)
      }
    }
  })

  test('the order of the labels does not matter', async () => {
    const unary = randomScores(4, pixels).map(score => 3 * score)
    const turned = Float32Array.from(unary, (_, i) => unary[(i + pixels) % unary.length]!)
    const [q, r] = await denseCrfBatch([
      { image, unary },
      { image, unary: turned },
    ])
    const back = Float32Array.from(q!, (_, i) => q![(i + pixels) % q!.length]!)
    expect(largestDifference(r!, back)).toBeLessThan(1e-4)
  })

  test('smooths a speck away and keeps an edge of the image', async () => {
    const label = new Uint8Array(pixels).map((_, p) => (p % 37 < 18 ? 0 : 1))
    const noisy = label.map((value, p) => (p % 53 === 0 ? 1 - value : value))
    const unary = unaryFromLabels(noisy, { labels: 2, gtProb: 0.7 })
    const q = await denseCrf({ image, unary })
    expect(mostProbableLabels(q, image).data).toEqual(label)
  })

  test('two deviations along x and y turn with the image', async () => {
    const unary = randomScores(3, pixels).map(score => 3 * score)
    const transpose = <T extends Uint8Array | Float32Array>(planes: T, step: number): T => {
      const turned = planes.slice() as T
      for (let i = 0; i < planes.length / step; i++) {
        const [plane, p] = [Math.floor(i / pixels), i % pixels]
        const to = plane * pixels + (p % 37) * 23 + Math.floor(p / 37)
        for (let k = 0; k < step; k++) turned[to * step + k] = planes[i * step + k]!
      }
      return turned
    }
    const q = await denseCrf({ image, unary, gaussian: { sxy: [1, 9], compat: 3 }, bilateral: null })
    const sideways = { width: 23, height: 37, data: transpose(image.data, 3) }
    const turned = { image: sideways, unary: transpose(unary, 1), bilateral: null }
    const r = await denseCrf({ ...turned, gaussian: { sxy: [9, 1], compat: 3 } })
    // The lattice is not symmetric in x and y: the kernels agree in shape only.
    expect(largestDifference(r, transpose(q, 1))).toBeLessThan(0.2)
    const same = await denseCrf({ ...turned, gaussian: { sxy: [1, 9], compat: 3 } })
    expect(largestDifference(same, transpose(q, 1))).toBeGreaterThan(0.3)
  })

  test('any small image, any parameters: probabilities, the same for any number of threads', () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          width: fc.integer({ min: 1, max: 70 }),
          height: fc.integer({ min: 1, max: 9 }),
          labels: fc.integer({ min: 1, max: 9 }),
          iterations: fc.integer({ min: 0, max: 4 }),
          seed: fc.nat(),
          sxy: fc.double({ min: 0.05, max: 500, noNaN: true }),
          srgb: fc.double({ min: 1, max: 500, noNaN: true }),
          compat: fc.double({ min: -5, max: 20, noNaN: true }),
        }),
        async ({ width, height, labels, iterations, seed, sxy, srgb, compat }) => {
          const sample = {
            image: randomImage(width, height, seed),
            unary: unaryFromScores(randomScores(labels, width * height, seed)),
            iterations,
            gaussian: { sxy, compat },
            bilateral: { sxy, srgb, compat },
          }
          const [one, ...more] = await Promise.all(
            [1, 2, 3, 7].map(threads => denseCrf({ ...sample, threads })),
          )
          for (const other of more) expect(other).toEqual(one)
          for (let p = 0; p < width * height; p++) {
            let sum = 0
            for (let l = 0; l < labels; l++) sum += one![l * width * height + p]!
            expect(sum).toBeCloseTo(1, 5)
          }
          expect(one!.every(q => q >= 0 && q <= 1 + 1e-6)).toBe(true)
        },
      ),
      { numRuns: 60 },
    ))
})

describe('unaries', () => {
  const image = randomImage(6, 1)
  const none = { image, iterations: 0 }

  test('scores are clipped, and mixed with the uniform distribution by scale', async () => {
    const scores = Float32Array.of(1.8, 0.5, 0, 1, 0.25, -3, 0.2, 0.5, 0, 0, 0.75, 3)
    const clipped = await denseCrf({ ...none, unary: unaryFromScores(scores) })
    const first = [1 / 1.2, 0.5, 0.5, 1 / (1 + 1e-5), 0.25, 1e-5 / (1 + 1e-5)]
    expect(largestDifference(clipped.subarray(0, 6), first)).toBeLessThan(1e-6)
    const scaled = await denseCrf({ ...none, unary: unaryFromScores(scores, { scale: 0.6 }) })
    expect(scaled[3]).toBeCloseTo(0.8, 6)
    expect(scaled[4]).toBeCloseTo(0.35, 6)
  })

  test('labels get gtProb, unsure pixels the uniform distribution', async () => {
    const unary = unaryFromLabels([0, 1, 2, 255, 1, 1], { labels: 3, gtProb: 0.7, ignore: 255 })
    const q = await denseCrf({ ...none, unary })
    expect(Array.from(q.subarray(0, 4), value => value.toFixed(4))).toEqual([
      '0.7000',
      '0.1500',
      '0.1500',
      '0.3333',
    ])
    const shifted = unaryFromLabels([1, 2, 3, 0, 2, 2], { labels: 3, gtProb: 0.7, zeroUnsure: true })
    expect(await denseCrf({ ...none, unary: shifted })).toEqual(q)
  })
})

describe('bad input is refused by name', () => {
  const image = randomImage(4, 3)
  const unary = new Float32Array(24)
  const wrong = (index: number, value: number): Float32Array => unary.map((v, i) => (i === index ? value : v))
  const term = { sxy: 3, compat: 3 }
  test.for([
    ['image', { image: { ...image, width: 0 } }],
    ['image', { image: { ...image, height: 1.5 } }],
    ['image.data', { image: { ...image, data: image.data.subarray(3) } }],
    ['image.data', { image: { ...image, data: Array.from(image.data) as unknown as Uint8Array } }],
    ['unary', { unary: unary.subarray(1) }],
    ['unary', { unary: new Float32Array(0) }],
    ['unary', { unary: new Float64Array(24) as unknown as Float32Array }],
    ['unary', { unary: undefined as unknown as Float32Array }],
    ['unary', { unary: wrong(5, Number.NaN) }],
    ['unary', { unary: wrong(23, Number.POSITIVE_INFINITY) }],
    ['unary', { unary: unaryFromScores(wrong(7, Number.NaN)) }],
    ['unary', { unary: unaryFromScores(wrong(7, Number.NEGATIVE_INFINITY)) }],
    ['unary', { unary: unaryFromScores(wrong(0, 1), { clip: null }) }],
    ['unary.labelMap', { unary: unaryFromLabels([0, 1], { labels: 2, gtProb: 0.7 }) }],
    ['iterations', { iterations: -1 }],
    ['iterations', { iterations: 2.5 }],
    ['threads', { threads: 0 }],
    ['threads', { threads: Number.NaN }],
    ['gaussian.sxy', { gaussian: { ...term, sxy: 0 } }],
    ['gaussian.sxy', { gaussian: { ...term, sxy: [3, -1] as const } }],
    ['gaussian.sxy', { gaussian: { ...term, sxy: Number.NaN } }],
    ['gaussian.sxy', { gaussian: { ...term, sxy: 1e-6 } }],
    ['gaussian.compat', { gaussian: { ...term, compat: Number.POSITIVE_INFINITY } }],
    ['bilateral.sxy', { bilateral: { ...term, srgb: 3, sxy: -80 } }],
    ['bilateral.srgb', { bilateral: { ...term, srgb: 0 } }],
    ['bilateral.srgb', { bilateral: { ...term, srgb: [1, 2, Number.NaN] as const } }],
    ['bilateral', { bilateral: { ...term, srgb: 1e-3 } }],
  ] as const)('%s: %o', async ([field, change]) => {
    const failure = await denseCrf({ image, unary, name: 'a.jpg', ...change }).then(
      () => undefined,
      error => error,
    )
    expect(failure).toBeInstanceOf(InputError)
    expect(failure).toMatchObject({ file: 'a.jpg', field })
  })

  test.for([
    ['clip', () => unaryFromScores(unary, { clip: 0 })],
    ['scale', () => unaryFromScores(unary, { scale: 1.5 })],
    ['scores', () => unaryFromScores([1, 2] as unknown as Float32Array)],
    ['labels', () => unaryFromLabels([0], { labels: 0, gtProb: 0.7 })],
    ['gtProb', () => unaryFromLabels([0], { labels: 2, gtProb: 1 })],
    ['labelMap', () => unaryFromLabels([0, 255], { labels: 2, gtProb: 0.7 })],
    ['labelMap', () => unaryFromLabels([0, -1], { labels: 2, gtProb: 0.7 })],
    ['labelMap', () => unaryFromLabels([3], { labels: 2, gtProb: 0.7, zeroUnsure: true })],
  ] as const)('unary %s', ([field, make]) => {
    expect(make).toThrow(InputError)
    expect(make).toThrow(`(${field})`)
  })

  test('one bad image rejects the batch with its name', async () => {
    const samples = [
      { image, unary, name: 'good.jpg' },
      { image, unary: wrong(5, Number.NaN), name: 'bad.jpg' },
    ]
    await expect(denseCrfBatch(samples)).rejects.toMatchObject({ file: 'bad.jpg', field: 'unary' })
  })

  test('CAMs of another size, exponents that are none', async () => {
    const cams = new Map([[0, new Float32Array(11)]])
    await expect(crfCams({ image, cams, alpha: 1 })).rejects.toMatchObject({ field: 'class 0' })
    await expect(crfCams({ image, cams: new Map(), alpha: 0 })).rejects.toMatchObject({ field: 'alpha' })
  })
})

test('without CAMs all is background', async () => {
  const maps = await crfCams({ image: randomImage(4, 3), cams: new Map(), alpha: 1 })
  expect([...maps]).toEqual([[0, new Float32Array(12).fill(1)]])
})

test('a batch is in order and equals its images one by one; an empty one is empty', async () => {
  const samples = [5, 1, 40, 17].map((width, seed) => ({
    image: randomImage(width, 11, seed),
    unary: unaryFromScores(randomScores(3, width * 11, seed)),
    ...MCTFORMER_MASK_CRF,
  }))
  const batch = await denseCrfBatch(samples, { threads: 3 })
  for (const [i, sample] of samples.entries())
    expect(batch[i]).toEqual(await denseCrf({ ...sample, threads: 1 }))
  expect(await denseCrfBatch([])).toEqual([])
})

test('writing to the arrays or taking them away meanwhile changes nothing', async () => {
  const sample = { image: randomImage(100, 80), unary: randomScores(5, 8000) }
  const want = await denseCrf(sample)
  const running = denseCrf(sample)
  sample.image.data.fill(0)
  structuredClone(sample.unary, { transfer: [sample.unary.buffer as ArrayBuffer] })
  expect(await running).toEqual(want)
})

test('the event loop turns while it works', async () => {
  let done = false
  let turns = 0
  const running = denseCrf({ image: randomImage(400, 300), unary: randomScores(8, 120_000) }).finally(() => {
    done = true
  })
  while (!done) {
    await new Promise(resolve => setImmediate(resolve))
    turns++
  }
  await running
  expect(turns).toBeGreaterThan(20)
})

test('memory does not grow with the number of calls', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const sample = { image: randomImage(128, 128), unary: randomScores(6, 128 * 128) }
  const resident = async (calls: number): Promise<number> => {
    for (let i = 0; i < calls; i++) await denseCrf(sample)
    collect()
    await new Promise(resolve => setImmediate(resolve))
    collect()
    return process.memoryUsage().rss
  }
  const before = await resident(40)
  const after = await resident(200) // 200 results alone are 79 MB
  expect(after - before).toBeLessThan(25e6)
}, 60_000)

const endless = `
  const { denseCrf } = require(${JSON.stringify(addonPath)})
  const n = 400 * 400
  denseCrf({ width: 400, height: 400, labels: 4, iterations: 40, threads: 2, image: new Uint8Array(3 * n),
    energies: new Float32Array(4 * n), gaussian: Float64Array.of(3, 3, 3), bilateral: Float64Array.of(80, 80, 13, 13, 13, 10) })
`

test('a thread of Node may be stopped in the middle of an image', async () => {
  const worker = new Worker(`${endless}; require('node:worker_threads').parentPort.postMessage('started')`, {
    eval: true,
  })
  await new Promise(resolve => worker.once('message', resolve))
  expect(await worker.terminate()).toBe(1)
})

test('so may the process', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '-e',
    `${endless}; console.log('on'); process.exit(0)`,
  ])
  expect(stdout).toBe('on\n')
})

test('the addon itself refuses what TypeScript would have caught', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '-e',
    `const { denseCrf } = require(${JSON.stringify(addonPath)})
     const good = { width: 2, height: 2, labels: 2, iterations: 1, threads: 1, image: new Uint8Array(12), energies: new Float32Array(8) }
     const bad = [undefined, null, 3, {}, { ...good, width: 2 ** 31 }, { ...good, width: 1e9, height: 1e9 }, { ...good, labels: 3 },
       { ...good, labels: -1 }, { ...good, image: new Uint8Array(11) }, { ...good, image: new Uint16Array(12) }, { ...good, energies: 'x' },
       { ...good, energies: new Float32Array(7) }, { ...good, iterations: NaN }, { ...good, threads: 1e9 }, { ...good, gaussian: new Float64Array(3) },
       { ...good, gaussian: Float64Array.of(1, 1) }, { ...good, bilateral: Float64Array.of(1, 1, 1, 1, NaN, 1) },
       { ...good, labelMap: Int32Array.of(0, 1, 2, 0), gtProb: 0.5 }, { ...good, labelMap: new Int32Array(4) }, { ...good, scores: new Float32Array(8), clip: -1 }]
     const caught = bad.map(request => { try { denseCrf(request); return 'taken' } catch (error) { return typeof error.field } })
     denseCrf(good).then(q => console.log(caught.every(type => type === 'string'), caught.length, q.length))`,
  ])
  expect(stdout).toBe('true 20 8\n')
})
