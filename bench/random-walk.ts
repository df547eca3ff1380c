/**
 * @file The random walk beside its dense formulation in PyTorch: a 375 x 500 image at stride 8, radius 5, 64 steps.
 * Run: node dist/bench/random-walk.js ; TAGMASK_TORCH_PYTHON names the python that can import torch (else python3).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pairOffsets, pairStarts } from '../src/refine/affinity/pairs.ts'
import { randomWalk } from '../src/refine/affinity/random-walk.ts'
import { median, type PythonServer, startPython } from './python-server.ts'

const GRID = { rows: 47, columns: 63 }
const AREA = GRID.rows * GRID.columns
const ROUNDS = 5

/** Reads "rows" lines, answers "seconds megabytes": the matrix as infer_aff.py builds and squares it, with 2 threads. */
const SERVER = `
import sys, time, numpy as np, torch
folder, n = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(2)
ends, affinity = (np.fromfile(folder + '/' + name, kind) for name, kind in (('ends', 'i8'), ('pairs', 'f4')))
ends = torch.from_numpy(ends.reshape(2, -1))
affinity = torch.from_numpy(affinity)
def resident(key):
    return next(int(line.split()[1]) / 1024 for line in open('/proc/self/status') if line.startswith(key))
before = resident('VmRSS')
print('ready', flush=True)
for line in sys.stdin:
    rows = int(line)
    scores = torch.from_numpy(np.fromfile(folder + '/scores%d' % rows, 'f4').reshape(rows, n))
    begin = time.perf_counter()
    with torch.no_grad():
        matrix = torch.eye(n)
        matrix[ends[0], ends[1]] = affinity
        matrix[ends[1], ends[0]] = affinity
        matrix = matrix ** 8
        trans = matrix / matrix.sum(dim=0, keepdim=True)
        for _ in range(6):
            trans = torch.matmul(trans, trans)
        out = torch.matmul(scores, trans)
    print(time.perf_counter() - begin, resident('VmHWM') - before, flush=True)
    out.numpy().tofile(folder + '/walked%d' % rows)
    del matrix, trans
`

const folder = mkdtempSync(join(tmpdir(), 'tagmask-walk-'))
try {
  const planes = Float32Array.from({ length: pairOffsets().length * AREA }, (_, i) => 0.3 + 0.7 * noise(i))
  const ends = pairOffsets().flatMap((offset, plane) => {
    const { top, left, rows, columns } = pairStarts(GRID, offset)
    return Array.from({ length: rows * columns }, (_, i) => {
      const from = (top + Math.floor(i / columns)) * GRID.columns + left + (i % columns)
      return { from, to: from + offset.dy * GRID.columns + offset.dx, affinity: planes[plane * AREA + from]! }
    })
  })
  const indices = [...ends.map(({ from }) => from), ...ends.map(({ to }) => to)]
  writeFileSync(join(folder, 'ends'), BigInt64Array.from(indices, BigInt))
  writeFileSync(
    join(folder, 'pairs'),
    Float32Array.from(ends, ({ affinity }) => affinity),
  )
  const reference = await startPython(SERVER, {
    python: process.env.TAGMASK_TORCH_PYTHON ?? 'python3',
    imports: 'torch, numpy',
    args: [folder, String(AREA)],
  })
  for (const rows of [3, 21]) await measure(rows, planes, reference)
  reference?.close()
} finally {
  rmSync(folder, { recursive: true })
}

async function measure(
  rows: number,
  planes: Float32Array,
  reference: PythonServer | undefined,
): Promise<void> {
  const scores = Float32Array.from({ length: rows * AREA }, (_, i) => noise(i + 7))
  writeFileSync(join(folder, `scores${rows}`), scores)
  const before = process.memoryUsage().rss / 2 ** 20
  const times = { dense: [] as number[], ours: [] as number[] }
  let dense = 0
  let walked: Float32Array = new Float32Array()
  for (let round = 0; round <= ROUNDS; round++) {
    const theirs = await reference?.ask(rows)
    const begin = performance.now()
    walked = randomWalk(scores, planes, GRID)
    const ours = (performance.now() - begin) / 1000
    if (round === 0) continue // the first warms up
    times.ours.push(ours)
    if (theirs === undefined) continue
    times.dense.push(theirs[0]!)
    dense = theirs[1]!
  }
  const ownPeak = Math.max(0, process.resourceUsage().maxRSS / 1024 - before)
  const own = `${(median(times.ours) * 1000).toFixed(0)} ms, ${ownPeak.toFixed(0)} MB`
  if (reference === undefined) {
    console.log(`${rows} score rows: ${own}`)
    return
  }
  const bytes = readFileSync(join(folder, `walked${rows}`))
  const expected = new Float32Array(bytes.buffer, bytes.byteOffset, walked.length)
  const error = walked.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!)), 0)
  const faster = median(times.ours.map((value, round) => times.dense[round]! / value))
  console.log(
    `${rows} score rows: dense ${(median(times.dense) * 1000).toFixed(0)} ms, ${dense.toFixed(0)} MB; ours ${own}: ` +
      `${faster.toFixed(1)}x as fast, ${(ownPeak / dense).toFixed(2)}x the memory, largest difference ${error.toExponential(1)}`,
  )
}

/** In [0, 1), a function of the index. */
function noise(i: number): number {
  const value = Math.sin(i * 12.9898) * 43758.5453
  return value - Math.floor(value)
}
