import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts'
import type { TensorData } from '../io/tensor-data.ts'
import { Module, Parameter } from '../nn/index.ts'
import { adamw, type Optimiser, sgd } from '../optim/index.ts'
import { backward, ops, randomState, scope, tensor } from '../torch/index.ts'
import { checkpointFiles, loadState, NotFiniteError, saveState } from './checkpoint.ts'
import type { Position } from './position.ts'

class Line extends Module {
  readonly weight = new Parameter(tensor([1, -2, 3], [3]))
  readonly bias = new Parameter(tensor([0.5], [1]))
}

const PLAN = { epochs: 4, batches: 5 }
const AT: Position = {
  epoch: 1,
  batch: 2,
  step: 7,
  sums: { loss: 3.5 },
  images: 16,
  best: { step: 5, value: 41 },
  validated: 5,
}
let root: string
let folder: string
let file: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-checkpoint-'))
})
afterAll(() => rm(root, { recursive: true }))
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'run-'))
  file = checkpointFiles(folder).state
})

function trained(steps: number) {
  const network = new Line()
  const optimiser = adamw([{ parameters: network.parameters(), weightDecay: 0 }])
  for (let i = 0; i < steps; i++) {
    scope(() => {
      backward(network.weight.mul(network.weight).sum().add(network.bias.sum()))
      optimiser.step(0.01)
      optimiser.zeroGrad()
    })
  }
  return { network, optimiser, device: 'cpu' }
}

function values({ weight, bias }: Line, optimiser: Optimiser): number[][] {
  return [weight, bias, ...optimiser.state().tensors.values()].map(one => [...one.toFloat32Array()])
}

/** Writes the state of seven steps again after `change`; the old checksum stays by default. */
async function rewritten(
  change: (file: { tensors: Map<string, TensorData>; metadata: Record<string, string> }) => void,
): Promise<void> {
  await saveState(folder, trained(7), AT)
  const read = await readSafetensors(file)
  change(read)
  await writeSafetensors(file, read.tensors, read.metadata)
}

const REMEDY = 'training cannot resume from it: delete this file to train from the start'
const refused = (problem: string) => new InputError(file, problem, { expected: REMEDY })
const load = () => loadState(folder, trained(0), PLAN)

test('a state comes back bit for bit: weights, averages, random numbers, place', async () => {
  const state = trained(7)
  await saveState(folder, state, AT)
  const drawn = scope(() => [...ops.rand([4]).toFloat32Array()])
  const other = trained(2)
  expect(await loadState(folder, other, PLAN)).toEqual(AT)
  expect(values(other.network, other.optimiser)).toEqual(values(state.network, state.optimiser))
  expect(other.optimiser.state().steps).toBe(7)
  expect(scope(() => [...ops.rand([4]).toFloat32Array()])).toEqual(drawn)
  expect(await loadState(join(folder, 'none'), other, PLAN)).toBeUndefined()
})

test('on the CPU the random state of the CPU alone is kept, and one of a GPU in the file is left alone', async () => {
  await saveState(folder, trained(7), AT)
  const names = [...(await readSafetensors(file)).tensors.keys()]
  expect(names.filter(name => name.startsWith('random.'))).toEqual(['random.cpu'])
  expect(scope(() => randomState('cpu').shape[0])).toBeGreaterThan(600)
})

describe('a damaged state is refused by name, and says what to do', () => {
  test('one bit of a tensor', async () => {
    await saveState(folder, trained(7), AT)
    const bytes = await readFile(file)
    bytes[bytes.length - 40]! ^= 1
    await writeFile(file, bytes)
    await expect(load()).rejects.toThrow(refused('does not have the bytes that were written'))
  })

  test.each<[string, string]>([
    ['{}', 'does not have the bytes that were written'],
    ['nonsense', 'does not have the bytes that were written'],
  ])('the position %s', async (position, problem) => {
    await rewritten(({ metadata }) => void Object.assign(metadata, { position }))
    await expect(load()).rejects.toThrow(refused(problem))
  })

  test('no checksum, no position, no tensors', async () => {
    await rewritten(({ metadata }) => void delete metadata.stateSha256)
    await expect(load()).rejects.toThrow(refused('has no checksum'))
    await rewritten(({ metadata }) => void delete metadata.position)
    await expect(load()).rejects.toThrow(refused('is not a checkpoint of a training'))
    await writeSafetensors(file, new Map())
    await expect(load()).rejects.toThrow(refused('is not a checkpoint of a training'))
  })

  test('cut off, or no safetensors at all', async () => {
    await saveState(folder, trained(7), AT)
    await writeFile(file, (await readFile(file)).subarray(0, 300))
    await expect(load()).rejects.toThrow(
      refused('is cut off inside its header; a safetensors file that was copied or downloaded completely'),
    )
    await writeFile(file, '')
    await expect(load()).rejects.toThrow(InputError)
  })

  test.each<[string, Partial<Record<keyof Position, unknown>>, string]>([
    ['an epoch past the plan', { epoch: 5 }, 'its epoch is 5, not a whole number from 0 to 4'],
    ['no epoch', { epoch: undefined }, 'its epoch is missing, not a whole number from 0 to 4'],
    ['half a batch', { batch: 2.5 }, 'its batch is 2.5, not a whole number from 0 to 5'],
    ['a batch after the end', { epoch: 4, step: 20 }, 'its batch is 2, not a whole number from 0 to 0'],
    ['more steps than batches', { step: 8 }, 'its step is 8, not 2 to 7'],
    ['fewer steps than epochs', { step: 1 }, 'its step is 1, not 2 to 7'],
    ['images without a batch', { batch: 0, step: 5 }, 'its count of images is 16 at batch 0'],
    ['no images after a batch', { images: 0 }, 'its count of images is 0 at batch 2'],
    ['a sum that is text', { sums: { loss: 'low' } }, 'its sums are not numbers by name'],
    ['a validation of the future', { validated: 8 }, 'its validated is 8, not a whole number from 0 to 7'],
    ['sums in a list', { sums: [1] }, 'its sums are not numbers by name'],
    [
      'a best step of the future',
      { best: { step: 8, value: 2 } },
      'its best validation is not a step of the past with a value',
    ],
  ])('%s', async (_, change, problem) => {
    await saveState(folder, trained(7), { ...AT, ...change } as Position)
    await expect(load()).rejects.toThrow(refused(problem))
  })

  test('steps that the optimiser has not taken', async () => {
    await saveState(folder, trained(6), AT)
    await expect(load()).rejects.toThrow(refused('counts 6 steps, and 7 were taken'))
  })

  test('the state of another network or optimiser', async () => {
    const plainSgd = () => {
      const state = trained(0)
      return { ...state, optimiser: sgd([{ parameters: state.network.parameters(), weightDecay: 0 }]) }
    }
    await saveState(folder, trained(7), AT)
    await expect(loadState(folder, plainSgd(), PLAN)).rejects.toThrow(
      refused('the optimiser has no exp_avg.weight'),
    )
  })
})

test('what is not finite is not written, and the state before stays', async () => {
  const state = trained(7)
  await saveState(folder, state, AT)
  const before = await readFile(file)
  scope(() => void ops.copy_(state.network.bias.detach(), tensor([Number.NaN], [1])))
  await expect(saveState(folder, state, AT)).rejects.toThrow(new NotFiniteError('bias'))
  const averages = trained(7)
  scope(
    () =>
      void ops.copy_(averages.optimiser.state().tensors.get('exp_avg_sq.weight')!, tensor([1, Infinity, 1])),
  )
  await expect(saveState(folder, averages, AT)).rejects.toThrow(new NotFiniteError('exp_avg_sq.weight'))
  expect(await readFile(file)).toEqual(before)
})

test('a sum that overflows is no infinity', async () => {
  const state = trained(7)
  scope(() => void ops.copy_(state.network.weight.detach(), tensor([3e38, 3e38, 3e38])))
  await saveState(folder, state, AT)
  expect(await load()).toEqual(AT)
})
