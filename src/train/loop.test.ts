import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { BatchSource, SampleBatch } from '../data/batch-loader.ts'
import { InputError, TagmaskError } from '../errors.ts'
import { Module, Parameter } from '../nn/index.ts'
import { adamw } from '../optim/index.ts'
import { memory, noGrad, ops, scope, type Tensor, tensor } from '../torch/index.ts'
import { checkpointFiles } from './checkpoint-files.ts'
import { silentLog } from './log.ts'
import { TrainingStopped, type TrainOptions, train } from './loop.ts'
import { readMetrics } from './metrics.ts'
import type { Validation } from './validate.ts'

class Line extends Module {
  readonly weight = new Parameter(tensor([1, -2, 3], [3]))
  readonly other = new Parameter(tensor([0], [1]))
}

const ONE_EPOCH = { unit: 'epochs', count: 1 } as const
const TRAIN = { lr: 'train.optimiser.lr', batchSize: 'train.batchSize' }
const SEGMENT = { lr: 'segment.optimiser.lr', batchSize: 'segment.batchSize' }
let root: string
let folder: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-loop-'))
})
afterAll(() => rm(root, { recursive: true }))
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'run-'))
})

/** `sizes` of the batches of an epoch, those of size 0 left out as a loader does; `fails` before that batch. */
function source(
  sizes: readonly number[],
  { fails }: { fails?: (epoch: number, index: number) => Error | undefined } = {},
): BatchSource<SampleBatch> {
  return {
    batches: sizes.length,
    async *epoch(epoch, { startBatch = 0 } = {}) {
      for (const [index, size] of sizes.entries()) {
        if (index < startBatch) continue
        const error = fails?.(epoch, index)
        if (error !== undefined) throw error
        if (size > 0) yield { index, size }
      }
    },
    close: async () => undefined,
  }
}

function options(
  network: Line,
  own: Partial<TrainOptions<SampleBatch>> & Pick<TrainOptions<SampleBatch>, 'loader'>,
): TrainOptions<SampleBatch> {
  return {
    network,
    losses: () => ({ total: network.weight.mul(network.weight).sum(), parts: {} }),
    optimiser: adamw([{ parameters: network.parameters(), weightDecay: 0 }]),
    learningRate: () => 0.01,
    keys: TRAIN,
    length: { unit: 'epochs', count: 3 },
    precision: 'fp32',
    device: 'cpu',
    checkpoints: folder,
    metrics: join(folder, 'metrics.jsonl'),
    checkpointMinutes: 60,
    checkpointSteps: null,
    logEvery: 1,
    signal: new AbortController().signal,
    log: silentLog(),
    ...own,
  }
}

const lines: Line[] = []
afterEach(() => {
  for (const line of lines.splice(0)) line.dispose()
})

function newLine(): Line {
  const line = new Line()
  lines.push(line)
  return line
}

/** Checkpoints and metrics of a second training. */
async function apart() {
  const checkpoints = await mkdtemp(join(root, 'apart-'))
  return { checkpoints, metrics: join(checkpoints, 'metrics.jsonl') }
}

const weightsOf = ({ weight }: Line): number[] => [...weight.toFloat32Array()]
const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  )

test('images that fail in mid-epoch end the training with its state; the same call ends as one that never failed', async () => {
  const whole = newLine()
  await train(options(whole, { loader: source([2, 2, 2]), ...(await apart()) }))
  const offline = new InputError('a.jpg', 'cannot be opened any more')
  const fails = (epoch: number, index: number) => (epoch === 1 && index === 2 ? offline : undefined)
  await expect(train(options(newLine(), { loader: source([2, 2, 2], { fails }) }))).rejects.toBe(offline)
  expect(await exists(checkpointFiles(folder).last)).toBe(false)
  const again = newLine()
  await train(options(again, { loader: source([2, 2, 2]) }))
  expect(weightsOf(again)).toEqual(weightsOf(whole))
})

test('where a finished training has left its last weights alone, they are loaded and no image is asked for', async () => {
  const trained = newLine()
  await train(options(trained, { loader: source([2, 2, 2]) }))
  await rm(checkpointFiles(folder).state)
  const again = newLine()
  const fails = (): Error => new Error('asked for an image')
  await train(options(again, { loader: source([2, 2, 2], { fails }) }))
  expect(weightsOf(again)).toEqual(weightsOf(trained))
  await rm(checkpointFiles(folder).last)
  await expect(train(options(newLine(), { loader: source([2, 2, 2], { fails }) }))).rejects.toThrow(
    'asked for',
  )
})

test('an epoch without an image is an error, not an epoch', async () => {
  await expect(train(options(newLine(), { loader: source([0, 0]) }))).rejects.toThrow(
    new InputError('train', 'no image could be used in epoch 1', {
      expected:
        'check that their folder exists and is readable, then run the same command: training resumes from here',
    }),
  )
  expect(await exists(checkpointFiles(folder).last)).toBe(false)
})

describe('what is not finite', () => {
  /** Adds 0 to the loss; its gradient, that of a root at 0 times 0, is NaN. */
  const losses =
    (network: Line, from: number) =>
    (batch: SampleBatch): { total: Tensor; parts: Record<string, Tensor> } => {
      const total = network.weight.mul(network.weight).sum()
      const broken = ops.sqrt(network.other.mul(network.other)).sum()
      return { total: batch.index < from ? total : total.add(broken), parts: {} }
    }

  test.each<['fp32' | 'bf16', string]>([
    ['fp32', 'lower train.optimiser.lr'],
    ['bf16', 'lower train.optimiser.lr or use --precision fp32'],
  ])('a finite loss with a gradient that is none reaches no checkpoint, in %s', async (precision, remedy) => {
    const network = newLine()
    const loader = source([2, 2, 2, 2])
    const settings = {
      loader,
      losses: losses(network, 3),
      checkpointSteps: 1,
      length: ONE_EPOCH,
      precision,
    }
    await expect(train(options(network, settings))).rejects.toThrow(
      new TagmaskError(
        `train: the training holds NaN or infinity in other; ${remedy}: this training then starts anew, ` +
          'with --resume-with-changes or under another --name; the last checkpoint stays as it is',
      ),
    )
    expect(await exists(checkpointFiles(folder).last)).toBe(false)
    const again = newLine()
    await train(options(again, { loader, length: { unit: 'epochs', count: 1 } }))
    const never = newLine()
    await train(options(never, { loader, length: { unit: 'epochs', count: 1 }, ...(await apart()) }))
    expect(weightsOf(again)).toEqual(weightsOf(never)) // resumed from the state after step 3
  })

  test('a loss that is none says step, rate and remedy', async () => {
    const network = newLine()
    const nan = () => ({ total: network.weight.sum().mul(Number.NaN), parts: {} })
    const settings = { loader: source([2]), losses: nan, title: 'segment', keys: SEGMENT }
    await expect(train(options(network, settings))).rejects.toThrow(
      new TagmaskError(
        'segment: the loss is not finite in epoch 1, step 0, at learning rate 0.01; lower segment.optimiser.lr: this ' +
          'training then starts anew, with --resume-with-changes or under another --name; the last checkpoint stays as it is',
      ),
    )
  })
})

test('a step that there is no memory for says which key makes it smaller', async () => {
  const losses = () => ({ total: ops.zeros([2 ** 46]).sum(), parts: {} })
  const settings = { loader: source([2]), losses, title: 'segment', keys: SEGMENT }
  await expect(train(options(newLine(), settings))).rejects.toThrow(
    new TagmaskError(
      'segment: there is not enough memory for a step of 2 images; lower segment.batchSize, or train smaller images',
    ),
  )
})

test('trainings one after another leave nothing behind', async () => {
  const once = async (): Promise<void> => {
    const network = newLine()
    await train(options(network, { loader: source([2, 2]), ...(await apart()) }))
    network.dispose()
  }
  await once()
  const { live } = memory()
  for (let i = 0; i < 3; i++) await once()
  expect(memory().live).toBe(live)
})

test('by steps: validated and ended at its steps, and resumed with its memory as if it had never stopped', async () => {
  const validatedAt: number[] = []
  const stepwise = (network: Line, memory: Tensor, own: Partial<TrainOptions<SampleBatch>>) =>
    options(network, {
      loader: source([2, 2, 2]),
      memory: new Map([['mean', memory]]),
      losses(_, { step }) {
        const { weight } = network
        noGrad(() => scope(() => void ops.add_(ops.mulScalar_(memory, 0.5), weight.detach().mul(step + 1))))
        return { total: weight.mul(memory.detach()).sum(), parts: {} }
      },
      length: { unit: 'steps', count: 5 },
      ...own,
    })
  const run = async (): Promise<Validation> => {
    validatedAt.push(validatedAt.length)
    return { means: { score: 1 }, decisive: 'score' }
  }
  const memories = [0, 1].map(() => ops.zeros([3]))
  const [whole, stopped] = [newLine(), newLine()] as const
  await train(stepwise(whole, memories[0]!, { validation: { run, every: 2 }, ...(await apart()) }))
  expect(validatedAt).toHaveLength(3) // at 2, 4 and 5
  const stop = new AbortController()
  const after = source([2, 2, 2], {
    fails: (epoch, index) => (epoch * 3 + index === 2 ? stopNow() : undefined),
  })
  const stopNow = (): undefined => void stop.abort()
  const some = { loader: after, signal: stop.signal }
  await expect(train(stepwise(stopped, memories[1]!, some))).rejects.toThrow(TrainingStopped)
  noGrad(() => void ops.zero_(memories[1]!))
  const again = newLine()
  await train(stepwise(again, memories[1]!, {}))
  expect(weightsOf(again)).toEqual(weightsOf(whole))
  expect([...memories[1]!.toFloat32Array()]).toEqual([...memories[0]!.toFloat32Array()])
  for (const memory of memories) memory.dispose()
})

describe('called as a library', () => {
  test('needs what is the training itself and a folder, which is made', async () => {
    const network = newLine()
    const bare = {
      network,
      losses: () => ({ total: network.weight.mul(network.weight).sum(), parts: {} }),
      optimiser: adamw([{ parameters: network.parameters(), weightDecay: 0 }]),
      learningRate: () => 0.01,
      loader: source([2, 2]),
      length: ONE_EPOCH,
      checkpoints: join(folder, 'line/checkpoints'),
    }
    await train(bare)
    expect(await exists(checkpointFiles(bare.checkpoints).last)).toBe(true)
    expect((await readMetrics(join(bare.checkpoints, 'metrics.jsonl'))).map(({ kind }) => kind)).toEqual([
      'step',
      'step',
      'epoch',
    ])
  })

  test('messages name no key and no flag of the command line', async () => {
    const network = newLine()
    const { keys, ...bare } = options(network, { loader: source([2]), precision: 'bf16' })
    const nan = () => ({ total: network.weight.sum().mul(Number.NaN), parts: {} })
    await expect(train({ ...bare, losses: nan })).rejects.toThrow(
      new TagmaskError(
        'train: the loss is not finite in epoch 1, step 0, at learning rate 0.01; lower the learning rate or use the ' +
          'precision fp32: this training then starts anew, in another folder; the last checkpoint stays as it is',
      ),
    )
    const large = () => ({ total: ops.zeros([2 ** 46]).sum(), parts: {} })
    const optimiser = adamw([{ parameters: network.parameters(), weightDecay: 0 }])
    await expect(train({ ...bare, optimiser, losses: large })).rejects.toThrow(
      'train: there is not enough memory for a step of 2 images; lower the batch size, or train smaller images',
    )
  })

  test('a folder that cannot be made is named', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    const checkpoints = join(file, 'checkpoints')
    await expect(train(options(newLine(), { loader: source([2]), checkpoints }))).rejects.toThrow(
      `${checkpoints}: cannot be written`,
    )
  })
})

test('frozen networks stay in eval mode while the other trains', async () => {
  const [network, frozen] = [newLine(), newLine()] as const
  const modes: boolean[] = []
  await train(
    options(network, {
      loader: source([2]),
      frozen: [frozen],
      losses: () => {
        modes.push(network.training, frozen.training)
        return { total: network.weight.sum(), parts: {} }
      },
      length: { unit: 'epochs', count: 1 },
    }),
  )
  expect(modes).toEqual([true, false])
})
