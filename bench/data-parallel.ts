/**
 * @file Two processes of one thread with half a batch each against one process of two threads with all of it, in turns: steps
 * a second and their ratio (bar 0.9 on two idle cores). Options: --help.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { InputError } from '../src/errors.ts'
import { buildMctformer } from '../src/methods/index.ts'
import { adamw } from '../src/optim/index.ts'
import { manualSeed, ops, type Precision, setThreads, tensor } from '../src/torch/index.ts'
import { processPlace } from '../src/train/parallel/environment.ts'
import { freePort } from '../src/train/parallel/launch.ts'
import { joinProcesses, type Processes, refuseWithoutBackend } from '../src/train/parallel/processes.ts'
import { openSharedSteps } from '../src/train/parallel/shared-steps.ts'
import { openSteps } from '../src/train/step.ts'
import { wholeNumber } from './options.ts'
import { median } from './statistics.ts'

const CLASSES = 20

const HELP = `node dist/bench/data-parallel.js [OPTIONS]

Processes of one thread, each with its part of a batch, against one process with a thread for each of them, in turns; ratio of the rounds.

  --processes N   (2)
  --batch N       images of a step, of all processes together (16)
  --width NAME    deit-ti, deit-s or deit-b (deit-s)
  --side N        pixels of an image's side (224)
  --steps N       steps of a round (5)
  --rounds N      (5)
  --precision P   fp32 or bf16 (fp32)`

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '2' },
    batch: { type: 'string', default: '16' },
    width: { type: 'string', default: 'deit-s' },
    side: { type: 'string', default: '224' },
    steps: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '5' },
    precision: { type: 'string', default: 'fp32' },
    worker: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit()
}
const [count, batch, side, steps, rounds] = (['processes', 'batch', 'side', 'steps', 'rounds'] as const).map(
  name => wholeNumber(`--${name}`, values[name], 1),
) as [number, number, number, number, number]

/** Each line of standard input is answered with the seconds of `steps` steps. */
async function work(processes: Processes | undefined): Promise<void> {
  const { rank = 0, size = 1 } = processes ?? {}
  manualSeed(0)
  const width = values.width === 'tiny' ? { embedDim: 24, depth: 2, heads: 2 } : 'deit-s'
  const model = {
    width,
    imageSize: side,
    patchSize: 16,
    dropPath: 0.1,
    variant: 'v2',
    decay: 0.996,
    unet: null,
  }
  const { network, parameterGroups, losses } = buildMctformer({
    model: model as Parameters<typeof buildMctformer>[0]['model'],
    numClasses: CLASSES,
  })
  network.train()
  const own = batch / size
  const images = ops.randn([own, 3, side, side])
  const targets = tensor(
    Array.from({ length: own * CLASSES }, (_, i) => (i % 7 === rank ? 1 : 0)),
    [own, CLASSES],
  )
  const options = {
    network,
    optimiser: adamw(parameterGroups({ weightDecay: 0.05, decays: 'weights' })),
    precision: values.precision as Precision,
    device: 'cpu',
    losses: (_: unknown, at: { epoch: number; step: number }) =>
      losses({ images, views: [], boxes: [], targets }, at),
    signal: new AbortController().signal,
  }
  const taken = processes === undefined ? openSteps(options) : openSharedSteps(options, processes)
  let step = 0
  const round = async (): Promise<number> => {
    const began = performance.now()
    for (const last = step + steps; step < last; step++)
      await taken.take({ index: 0, size: own }, { at: { epoch: 0, step }, lr: 1e-5 })
    return (performance.now() - began) / 1000
  }
  if (rank > 0) while (await processes!.share<boolean>(() => true)) await round()
  else {
    process.stdout.write('ready\n')
    for await (const _ of createInterface({ input: process.stdin })) {
      await processes?.share(() => true)
      process.stdout.write(`${await round()}\n`)
    }
    await processes?.share(() => false)
  }
  taken.close()
}

interface Side {
  /** Seconds of a round. */
  round(): Promise<number>
  end(): Promise<void>
}

async function startSide(size: number, threads: number): Promise<Side> {
  const port = await freePort()
  const children = Array.from({ length: size }, (_, rank): ChildProcess => {
    const place = {
      RANK: String(rank),
      WORLD_SIZE: String(size),
      MASTER_ADDR: '127.0.0.1',
      MASTER_PORT: String(port),
    }
    const args = [fileURLToPath(import.meta.url), '--worker', ...process.argv.slice(2)]
    const env = { ...process.env, ...place, TAGMASK_THREADS: String(threads) }
    return spawn(process.execPath, args, { env, stdio: [rank === 0 ? 'pipe' : 'ignore', 'pipe', 'inherit'] })
  })
  const [first] = children as [ChildProcess]
  const lines = createInterface({ input: first.stdout! })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done === true) throw new InputError('bench', 'a process has ended', { expected: 'see above why' })
    return value
  }
  await line()
  return {
    async round() {
      first.stdin!.write('\n')
      return Number(await line())
    },
    async end() {
      first.stdin!.end()
      await Promise.all(children.map(child => (child.exitCode === null ? once(child, 'close') : undefined)))
    },
  }
}

async function compare(): Promise<void> {
  refuseWithoutBackend()
  if (batch % count !== 0)
    throw new InputError('--batch', `is ${batch}`, { expected: `a multiple of ${count}, the processes` })
  const one = await startSide(1, count)
  const shared = await startSide(count, 1)
  await one.round()
  await shared.round() // both are warm
  const times: [number, number][] = []
  for (let i = 0; i < rounds; i++) times.push([await one.round(), await shared.round()])
  await one.end()
  await shared.end()
  const rate = (seconds: number): string => ((steps * batch) / seconds).toFixed(2)
  const [alone, together] = [times.map(([a]) => a), times.map(([, b]) => b)]
  const text = `${values.width}, ${side} pixels, batch ${batch} in all, ${values.precision}, ${rounds} rounds of ${steps} steps`
  process.stdout.write(
    [
      text,
      `one process, ${count} threads     ${rate(median(alone))} images/s`,
      `${count} processes, 1 thread each  ${rate(median(together))} images/s`,
      `ratio (median of the rounds)   ${median(times.map(([a, b]) => a / b)).toFixed(3)}`,
      '',
    ].join('\n'),
  )
}

if (values.worker) {
  const place = processPlace(process.env)
  setThreads(Number(process.env.TAGMASK_THREADS))
  const processes = place === undefined ? undefined : await joinProcesses(place)
  await (processes === undefined ? work(undefined) : processes.during(() => work(processes)))
} else await compare()
