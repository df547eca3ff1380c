import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readEvents } from '../../test/read-events.ts'
import { Module, Parameter } from '../nn/index.ts'
import { adamw } from '../optim/index.ts'
import { tensor } from '../torch/index.ts'
import type { Length } from './length.ts'
import { TrainingStopped, train } from './loop.ts'
import { readMetrics } from './metrics.ts'

const BATCHES = 3
let root: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-records-'))
})
afterAll(() => rm(root, { recursive: true }))

class Line extends Module {
  readonly weight = new Parameter(tensor([1, -2, 3], [3]))
}

interface Run {
  readonly folder: string
  readonly length: Length
  /** Interval of the validation; none. */
  readonly every?: number | undefined
  /** Its signal comes during this step, or during the validation after so many steps; never. */
  readonly stop?: { readonly step?: number; readonly validation?: number }
  readonly tensorboard?: boolean
}

/** A training of a line, in batches of two images. */
async function run({ folder, length, every, stop = {}, tensorboard = true }: Run): Promise<void> {
  const network = new Line()
  const signal = new AbortController()
  let steps = 0
  const image = { width: 2, height: 1, data: new Uint8Array(6) }
  const validate = async () => {
    if (stop.validation === steps) throw new TrainingStopped('validation')
    return { means: { score: network.weight.toFloat32Array()[0]! }, decisive: 'score' }
  }
  try {
    await train({
      network,
      losses(_, { step }) {
        steps = step + 1
        if (step === stop.step) signal.abort()
        const loss = network.weight.mul(network.weight).sum()
        return { total: loss, parts: { 'class loss': loss } }
      },
      optimiser: adamw([{ parameters: network.parameters(), weightDecay: 0 }]),
      learningRate: () => 0.01,
      loader: {
        batches: BATCHES,
        async *epoch(_, { startBatch = 0 } = {}) {
          for (let index = startBatch; index < BATCHES; index++) yield { index, size: 2 }
        },
      },
      validation: every === undefined ? undefined : { run: validate, every },
      length,
      checkpoints: folder,
      signal: signal.signal,
      tensorboard: tensorboard ? join(folder, 'events') : undefined,
      examples: { draw: async () => [{ tag: 'CAMs/a', image }] },
    })
  } finally {
    network.dispose()
  }
}

/** All that is shown, in the order of steps and names, without speeds. */
async function shownIn(folder: string) {
  const shown = await readEvents(join(folder, 'events'))
  return shown
    .filter(({ tag }) => tag !== 'epoch/images/s')
    .sort((a, b) => a.step - b.step || (a.tag < b.tag ? -1 : 1))
}

const EPOCHS = { unit: 'epochs', count: 2 } as const
const STEPS = { unit: 'steps', count: 5 } as const

test.each<[string, Pick<Run, 'length' | 'every'>, number[]]>([
  ['by epochs', { length: EPOCHS }, [2, 5]],
  ['by epochs, validated', { length: EPOCHS, every: 1 }, [2, 5]],
  ['by steps', { length: STEPS }, [2, 4]],
  ['by steps, validated', { length: STEPS, every: 2 }, [1, 3, 4]],
])(
  'a training %s shows the same, stopped anywhere and resumed, as one that never was',
  async (_, plan, examples) => {
    const folder = await mkdtemp(join(root, 'whole-'))
    await run({ folder, ...plan })
    const whole = await shownIn(folder)
    expect(whole.filter(({ tag }) => tag === 'CAMs/a').map(({ step }) => step)).toEqual(examples)
    const numbers = (await readMetrics(join(folder, 'metrics.jsonl'))).flatMap(({ kind, step, ...row }) =>
      Object.entries(row)
        .filter(([name]) => (name !== 'epoch' || kind === 'step') && name !== 'images/s')
        .map(([, value]) => [step, Math.fround(value as number)]),
    )
    const sorted = (pairs: (number | undefined)[][]) => pairs.map(String).sort()
    expect(sorted(whole.flatMap(({ step, value }) => (value === undefined ? [] : [[step, value]])))).toEqual(
      sorted(numbers),
    )
    // stopped after its last step, a training by steps has no end of its last epoch, in its metrics neither
    const last = plan.length.unit === 'steps' ? STEPS.count - 1 : EPOCHS.count * BATCHES
    for (let step = 0; step < last; step++)
      for (const stop of [{ step }, ...(plan.every === undefined ? [] : [{ validation: step + 1 }])]) {
        const folder = await mkdtemp(join(root, 'stopped-'))
        await run({ folder, ...plan, stop }).catch(() => undefined) // not all have such a validation
        await run({ folder, ...plan })
        expect(await shownIn(folder), JSON.stringify(stop)).toEqual(whole)
        expect(await readdir(join(folder, 'events'))).toHaveLength(2)
      }
  },
)

test('asked for when a training resumes, it shows all that came before', async () => {
  const [whole, folder] = [await mkdtemp(join(root, 'asked-')), await mkdtemp(join(root, 'late-'))] as const
  await run({ folder: whole, length: EPOCHS })
  await expect(run({ folder, length: EPOCHS, stop: { step: 3 }, tensorboard: false })).rejects.toThrow()
  expect(await readdir(folder)).not.toContain('events')
  await run({ folder, length: EPOCHS })
  const numbers = async (of: string) => (await shownIn(of)).filter(({ value }) => value !== undefined)
  expect(await numbers(folder)).toEqual(await numbers(whole))
})
