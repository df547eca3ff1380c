/**
 * @file Dense CRF beside pydensecrf: 375 x 500, 10 iterations, 2, 5 and 21 labels; an image (path) or a made one.
 * Run: node dist/bench/dense-crf.js [image] ; TAGMASK_PYDENSECRF names the python that can import pydensecrf.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import sharp from 'sharp'
import type { RgbImage } from '../src/io/image.ts'
import { unaryFromScores } from '../src/refine/crf-unary.ts'
import { denseCrf, denseCrfBatch } from '../src/refine/dense-crf.ts'
import { median, type PythonServer, startPython } from './python-server.ts'

const WIDTH = 500
const HEIGHT = 375
const PIXELS = WIDTH * HEIGHT
const BATCH = 8
const ROUNDS = 5

/** Reads "labels" lines, answers seconds for one image: unary, both terms, inference, as the papers call it. */
const SERVER = `
import sys, time, numpy as np, pydensecrf.densecrf as dcrf
from pydensecrf.utils import unary_from_softmax
folder, w, h = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
image = np.fromfile(folder + '/image', 'u1').reshape(h, w, 3)
print('ready', flush=True)
for line in sys.stdin:
    n = int(line)
    scores = np.fromfile(folder + '/scores%d' % n, 'f4').reshape(n, h, w)
    begin = time.perf_counter()
    crf = dcrf.DenseCRF2D(w, h, n)
    crf.setUnaryEnergy(np.ascontiguousarray(unary_from_softmax(scores)))
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=80, srgb=13, rgbim=image, compat=10)
    q = np.array(crf.inference(10), dtype=np.float32)
    print(time.perf_counter() - begin, flush=True)
    q.tofile(folder + '/q%d' % n)
`

const folder = mkdtempSync(join(tmpdir(), 'tagmask-crf-'))
try {
  const image = await sample(process.argv[2])
  writeFileSync(join(folder, 'image'), image.data)
  const scores = new Map([2, 5, 21].map(labels => [labels, blobs(labels)]))
  for (const [labels, values] of scores) writeFileSync(join(folder, `scores${labels}`), values)
  const reference = await startPython(SERVER, {
    python: process.env.TAGMASK_PYDENSECRF ?? 'python3',
    imports: 'pydensecrf.densecrf',
    args: [folder, String(WIDTH), String(HEIGHT)],
  })
  for (const [labels, values] of scores) await measure(image, labels, values, reference)
  reference?.close()
} finally {
  rmSync(folder, { recursive: true })
}

async function measure(
  image: RgbImage,
  labels: number,
  scores: Float32Array,
  reference: PythonServer | undefined,
): Promise<void> {
  const one = { image, unary: unaryFromScores(scores) }
  const batch = new Array(BATCH).fill(one)
  const times: Record<'pydensecrf' | 'one' | 'two' | 'batch', number[]> = {
    pydensecrf: [],
    one: [],
    two: [],
    batch: [],
  }
  for (let round = 0; round <= ROUNDS; round++) {
    const reading = {
      pydensecrf: (await reference?.ask(labels))?.[0] ?? Number.NaN,
      one: await seconds(() => denseCrf({ ...one, threads: 1 })),
      two: await seconds(() => denseCrf({ ...one, threads: 2 })),
      batch: (await seconds(() => denseCrfBatch(batch, { threads: 2 }))) / BATCH,
    }
    if (round === 0) continue // the first warms up
    for (const key of ['pydensecrf', 'one', 'two', 'batch'] as const) times[key].push(reading[key])
  }
  const ratio = (key: 'one' | 'two' | 'batch'): string => {
    const time = `${(median(times[key]) * 1000).toFixed(0)} ms`
    const ratios = times[key].map((value, round) => times.pydensecrf[round]! / value)
    return reference === undefined ? time : `${time} = ${median(ratios).toFixed(1)}x`
  }
  const theirs =
    reference === undefined ? '' : `pydensecrf ${(median(times.pydensecrf) * 1000).toFixed(0)} ms; `
  console.log(
    `${labels} labels: ${theirs}one thread ${ratio('one')}, two threads ${ratio('two')}, ` +
      `batch of ${BATCH} on two threads ${ratio('batch')} an image`,
  )
}

async function seconds(run: () => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  await run()
  return (performance.now() - begin) / 1000
}

/** The image at `path` at the benchmark's size, or soft shapes on a ground, grained like a photograph. */
async function sample(path: string | undefined): Promise<RgbImage> {
  if (path !== undefined) {
    const raw = sharp(path).resize(WIDTH, HEIGHT, { fit: 'fill' }).removeAlpha().toColourspace('srgb').raw()
    return { width: WIDTH, height: HEIGHT, data: await raw.toBuffer() }
  }
  const random = uniform(1)
  const waves = Array.from(
    { length: 24 },
    () => [random() / 25, random() / 25, random() * 7, random() * 3] as const,
  )
  const data = new Uint8Array(PIXELS * 3)
  for (let i = 0; i < data.length; i++) {
    const [x, y, channel] = [Math.floor(i / 3) % WIDTH, Math.floor(i / 3 / WIDTH), i % 3]
    const shade = waves.reduce(
      (sum, [u, v, phase, tint]) => sum + Math.sin(u * x + v * y + phase + tint * channel),
      0,
    )
    data[i] = Math.max(0, Math.min(255, 120 + 22 * shade + 24 * (random() - 0.5)))
  }
  return { width: WIDTH, height: HEIGHT, data }
}

/** Softmax of one soft blob a label, with noise: [labels, HEIGHT, WIDTH]. */
function blobs(labels: number): Float32Array {
  const random = uniform(labels)
  const centres = Array.from(
    { length: labels },
    () => [random() * WIDTH, random() * HEIGHT, 40 + random() * 80] as const,
  )
  const scores = new Float32Array(labels * PIXELS)
  for (let p = 0; p < PIXELS; p++) {
    const [x, y] = [p % WIDTH, Math.floor(p / WIDTH)]
    const logits = centres.map(
      ([cx, cy, r]) => 4 * Math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r)) + random(),
    )
    const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0)
    for (const [label, logit] of logits.entries()) scores[label * PIXELS + p] = Math.exp(logit) / sum
  }
  return scores
}

function uniform(seed: number): () => number {
  const random = xoroshiro128plus(seed)
  return () => (random.next() >>> 0) / 2 ** 32
}
