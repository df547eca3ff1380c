/**
 * @file PAR beside its authors' module in PyTorch: 512 x 512, 21 masks, 10 iterations, one thread and two.
 * Run: node dist/bench/par.js REFERENCE ; REFERENCE is a clone of github.com/rulixiang/afa, TAGMASK_TORCH_PYTHON names the
 * python that can import torch (else python3). Without REFERENCE our own times alone.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { parMasks } from '../src/refine/par/kernel.ts'
import { PAR } from '../src/refine/par/parameters.ts'
import { median, type PythonServer, startPython } from './python-server.ts'

const SIDE = 512
const CHANNELS = 21
const ROUNDS = 2

/** Reads "threads" lines, answers "seconds megabytes": the module as it is, in evaluation mode. */
const SERVER = `
import sys, time, numpy as np
sys.path.insert(0, sys.argv[2])
import torch
from wetr.PAR import PAR
folder, side, channels = sys.argv[1], int(sys.argv[3]), int(sys.argv[4])
image, masks = (torch.from_numpy(np.fromfile(folder + '/' + name, 'f4').reshape(1, -1, side, side)) for name in ('image', 'masks'))
module = PAR(dilations=[int(d) for d in sys.argv[6].split(',')], num_iter=int(sys.argv[5])).eval()
def resident(key):
    return next(int(line.split()[1]) / 1024 for line in open('/proc/self/status') if line.startswith(key))
before = resident('VmRSS')
print('ready', flush=True)
for line in sys.stdin:
    torch.set_num_threads(int(line))
    begin = time.perf_counter()
    with torch.no_grad():
        out = module(image, masks)
    seconds = time.perf_counter() - begin
    out.numpy().tofile(folder + '/refined')
    print(seconds, resident('VmHWM') - before, flush=True)
`

const folder = mkdtempSync(join(tmpdir(), 'tagmask-par-'))
try {
  const sample = { width: SIDE, height: SIDE, image: photograph(), masks: blobs() }
  writeFileSync(join(folder, 'image'), sample.image)
  writeFileSync(join(folder, 'masks'), sample.masks)
  const clone = process.argv[2]
  const shape = [SIDE, CHANNELS, PAR.iterations].map(String)
  const reference =
    clone === undefined
      ? undefined
      : await startPython(SERVER, {
          python: process.env.TAGMASK_TORCH_PYTHON ?? 'python3',
          imports: 'torch, numpy',
          args: [folder, resolve(clone), ...shape, PAR.dilations.join()],
        })
  const before = process.memoryUsage().rss
  for (const threads of [1, 2]) await measure({ sample, threads, before, reference })
  reference?.close()
} finally {
  rmSync(folder, { recursive: true })
}

interface Measurement {
  readonly sample: { width: number; height: number; image: Float32Array; masks: Float32Array }
  readonly threads: number
  /** Bytes of the process before its first call. */
  readonly before: number
  readonly reference: PythonServer | undefined
}

async function measure({ sample, threads, before, reference }: Measurement): Promise<void> {
  const times = { theirs: [] as number[], ours: [] as number[] }
  let theirPeak = 0
  let refined: Float32Array = new Float32Array()
  for (let round = 0; round < ROUNDS; round++) {
    const answer = await reference?.ask(threads)
    const begin = performance.now()
    refined = await parMasks({ ...sample, threads })
    times.ours.push((performance.now() - begin) / 1000)
    if (answer === undefined) continue
    times.theirs.push(answer[0]!)
    theirPeak = answer[1]!
  }
  const peak = (1024 * process.resourceUsage().maxRSS - before) / 2 ** 20
  const ours = `${(1000 * median(times.ours)).toFixed(0)} ms, ${peak.toFixed(0)} MB`
  const title = `${threads} thread${threads === 1 ? '' : 's'}`
  if (reference === undefined) return console.log(`${title}: ${ours}`)
  const bytes = readFileSync(join(folder, 'refined'))
  const expected = new Float32Array(bytes.buffer, bytes.byteOffset, refined.length)
  const error = refined.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!)), 0)
  const faster = median(times.ours.map((value, round) => times.theirs[round]! / value))
  console.log(
    `${title}: theirs ${median(times.theirs).toFixed(1)} s, ${theirPeak.toFixed(0)} MB; ours ${ours}: ` +
      `${faster.toFixed(0)}x as fast, ${(peak / theirPeak).toFixed(2)}x the memory, largest difference ${error.toExponential(1)}`,
  )
}

/** Soft shapes with grain: [3, SIDE, SIDE], bytes / 255. */
function photograph(): Float32Array {
  const random = uniform(1)
  const waves = Array.from(
    { length: 12 },
    () => [random() / 25, random() / 25, random() * 7, random() * 3] as const,
  )
  return Float32Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const [x, y, colour] = [i % SIDE, Math.floor(i / SIDE) % SIDE, Math.floor(i / SIDE / SIDE)]
    const shade = waves.reduce(
      (sum, [u, v, at, tint]) => sum + Math.sin(u * x + v * y + at + tint * colour),
      0,
    )
    return Math.round(Math.max(0, Math.min(255, 120 + 30 * shade + 24 * (random() - 0.5)))) / 255
  })
}

/** One soft blob a mask: [CHANNELS, SIDE, SIDE]. */
function blobs(): Float32Array {
  const random = uniform(2)
  const centres = Array.from(
    { length: CHANNELS },
    () => [random() * SIDE, random() * SIDE, 40 + random() * 80] as const,
  )
  return Float32Array.from({ length: CHANNELS * SIDE * SIDE }, (_, i) => {
    const [cx, cy, r] = centres[Math.floor(i / SIDE / SIDE)]!
    return Math.exp(-(((i % SIDE) - cx) ** 2 + ((Math.floor(i / SIDE) % SIDE) - cy) ** 2) / (2 * r * r))
  })
}

function uniform(seed: number): () => number {
  const random = xoroshiro128plus(seed)
  return () => (random.next() >>> 0) / 2 ** 32
}
