/** @file `npm run bench`: ours beside plain PyTorch, taken in turns in one run; a table of ratios. Timings never decide a test. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describe, threads } from '../src/torch/index.ts'
import type { Measurement } from './ours.ts'

interface Reference {
  readonly rate: number
  readonly peak: number
  readonly torch: string
}

type Side = { readonly rate: number; readonly peak: number }

const root = fileURLToPath(new URL('../..', import.meta.url))
const OPENMP_BLAS = '/usr/lib/x86_64-linux-gnu/openblas-openmp'

/** The kernels that OpenBLAS uses for ours, and the libraries that PyTorch needs to use the same. */
const SAME_KERNELS = { OPENBLAS_CORETYPE: describe().openblasCore }

function ours(args: readonly string[]): Measurement {
  const program = join(root, 'dist/bench/ours.js')
  return JSON.parse(execFileSync(process.execPath, [program, ...args], { encoding: 'utf8' })) as Measurement
}

function reference(
  python: string,
  args: readonly string[],
  kernels: Readonly<Record<string, string | undefined>>,
): Reference {
  const env = { ...process.env, LD_LIBRARY_PATH: OPENMP_BLAS, ...kernels }
  const output = execFileSync(
    python,
    [join(root, 'bench/reference.py'), '--threads', String(threads()), ...args],
    { env, encoding: 'utf8' },
  )
  return JSON.parse(output) as Reference
}

/** The first python that has torch: `--python`, the system's, python3. */
function findPython(wanted: string | undefined): string | undefined {
  const candidates = wanted === undefined ? ['/usr/bin/python3', 'python3'] : [wanted]
  return candidates.find(python => spawnSync(python, ['-c', 'import torch']).status === 0)
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
const best = (sides: readonly Side[]): Side => ({
  rate: median(sides.map(({ rate }) => rate)),
  peak: Math.min(...sides.map(({ peak }) => peak)),
})
const show = ({ rate, peak }: Side): string => `${rate.toFixed(2)}/s ${(peak / 1e6).toFixed(0)} MB`

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    method: { type: 'string' }, // one of them alone
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    'leak-steps': { type: 'string', default: '200' },
    device: { type: 'string', default: 'cpu' },
  },
})
const python = findPython(values.python)
const { version, openblas, mkl } = describe()
console.log(`${cpus()[0]?.model}, ${threads()} threads, libtorch ${version}, ${mkl ? 'MKL' : openblas}`)
console.log(
  python === undefined
    ? 'PyTorch: no python with torch found (apt-get install python3-torch, or --python FILE): its side is skipped'
    : `PyTorch: ${execFileSync(python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' }).trim()} of ${python}`,
)
console.log(
  'DeiT-S (MCTformer-V2, WeakTr, CTI); median of rounds taken in turns; rate in images, memory is the peak of the process\n',
)
const defaults: Side[] = []
const cases = ['mctformer', 'weaktr', 'cti'].flatMap(method =>
  ['train', 'maps'].map(task => ({ method, task })),
)
for (const { method, task } of cases) {
  if (values.method !== undefined && values.method !== method) continue
  for (const precision of ['fp32', 'bf16']) {
    const args = ['--method', method, '--task', task, '--precision', precision, '--seconds', values.seconds]
    const sides = { ours: [] as Side[], plain: [] as Side[], same: [] as Side[] }
    for (let round = 0; round < Number(values.rounds); round++) {
      sides.ours.push(ours([...args, '--device', values.device]))
      if (python === undefined) continue
      sides.plain.push(reference(python, args, {}))
      sides.same.push(reference(python, args, SAME_KERNELS))
    }
    const own = best(sides.ours)
    console.log(`${method} ${task} ${precision}: tagmask ${show(own)}`)
    if (python === undefined) continue
    const [plain, same] = [best(sides.plain), best(sides.same)]
    if (precision === 'fp32') defaults.push(plain)
    const base = defaults.at(-1)!
    console.log(
      `  PyTorch, its defaults, fp32        ${show(base)}   ours ${(own.rate / base.rate).toFixed(2)}x`,
    )
    console.log(
      `  PyTorch, ${precision}, its defaults        ${show(plain)}   ours ${(own.rate / plain.rate).toFixed(2)}x`,
    )
    console.log(
      `  PyTorch, ${precision}, the same kernels    ${show(same)}   ours ${(own.rate / same.rate).toFixed(2)}x, memory ${(own.peak / same.peak).toFixed(2)}x`,
    )
  }
}
if (Number(values['leak-steps']) > 0) {
  const { live, resident, steps } = ours([
    '--steps',
    values['leak-steps'],
    '--batch',
    '2',
    '--device',
    values.device,
  ])
  console.log(
    `\nleak over ${steps} steps: live tensors ${live.join(' -> ')}, resident ${resident.map(bytes => `${(bytes / 1e6).toFixed(0)} MB`).join(' -> ')}`,
  )
}
