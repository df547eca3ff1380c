/**
 * @file A recipe in two processes: the weights of one to rounding, every stage's files, errors, a process that dies, and the
 * same run resumed by another number of processes.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { generateDemo } from '../../src/data/demo/index.ts'
import { readSafetensors } from '../../src/io/safetensors.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { type Ended, NOT_BUILT, type Started, started, startProcesses, TAGMASK } from './started-processes.ts'

// SGD: Adam makes as much of a gradient's rounding as of the gradient where it is nearly zero
const RECIPE = `method: mctformer
model: { width: { embedDim: 24, depth: 2, heads: 2 }, imageSize: 32, patchSize: 16, dropPath: 0 }
data: { layout: folder, valSplit: val, workers: 1 }
train:
  epochs: 3
  batchSize: 4
  checkpointSteps: 1
  logEvery: 1
  validateEvery: 1
  optimiser: { kind: sgd, lr: 0.05, lrBatch: null }
  schedule: { kind: cosine-epoch, warmupEpochs: 0 }
maps: { layers: 2 }
refine: { method: affinity+crf, background: sweep, sure: {}, walk: { logt: 2 } }
affinity: { cropSize: 32, epochs: 2, batchSize: 4, checkpointSteps: 1 }
segment: { cropSize: 32, epochs: 2, batchSize: 4, checkpointSteps: 1, retrain: { rounds: 1, scales: [1] } }
predict: { scales: [1] }
report: { images: 3 }
threads: 1
precision: fp32
`
const SUFFIX = NOT_BUILT === undefined ? '' : `: ${NOT_BUILT}`

let folder: string
let recipe: string

async function prepare(): Promise<void> {
  folder = await temporaryFolder([])
  recipe = join(folder, 'tiny.yaml')
  await writeFile(recipe, RECIPE)
  await generateDemo(join(folder, 'data'), { images: 14, valImages: 4, size: 48, seed: 3 })
}

function wordsOf(command: string, name: string, more: readonly string[] = []): string[] {
  const place = ['--data', join(folder, 'data'), '--runs', folder, '--name', name]
  return [command, recipe, ...place, ...more]
}

function tagmask(args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  return started(spawn(process.execPath, [TAGMASK, ...args], { env: { ...process.env, ...env } }))
}

async function tensorsOf(name: string): Promise<Map<string, Float32Array>> {
  const { tensors } = await readSafetensors(join(folder, name, 'checkpoints/last.safetensors'))
  return new Map([...tensors].map(([key, { data }]) => [key, new Float32Array(data.slice().buffer)]))
}

async function expectSameWeights(name: string, than: string): Promise<void> {
  const [own, others] = [await tensorsOf(name), await tensorsOf(than)]
  expect([...own.keys()]).toEqual([...others.keys()])
  for (const [key, values] of own)
    for (const [i, value] of values.entries()) expect(value, key).toBeCloseTo(others.get(key)![i]!, 5)
}

async function losses(name: string): Promise<number[]> {
  const text = await readFile(join(folder, name, 'metrics.jsonl'), 'utf8')
  const rows = text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { kind: string; loss: number })
  return rows.filter(({ kind }) => kind === 'step').map(({ loss }) => loss)
}

describe.skipIf(NOT_BUILT)(`two processes${SUFFIX}`, () => {
  test('end with the weights of one, and the files of every stage', { timeout: 300_000 }, async () => {
    await prepare()
    const one = await tagmask(wordsOf('run', 'one')).ended
    expect(one.code, one.out).toBe(0)
    const two = await tagmask(['launch', '--nproc', '2', ...wordsOf('run', 'two')]).ended
    expect(two.code, two.out).toBe(0)
    await expectSameWeights('two', 'one')
    const [first, second] = [await losses('one'), await losses('two')]
    expect(second).toHaveLength(first.length)
    for (const [i, loss] of first.entries()) expect(second[i]).toBeCloseTo(loss, 4)
    expect(Math.abs(first.at(-1)! - first[0]!)).toBeGreaterThan(0.02) // it learns, so that weights differ from the first ones
    for (const file of ['affinity/checkpoints/last.safetensors', 'segment/last.safetensors', 'report.html'])
      expect(existsSync(join(folder, 'two', file)), file).toBe(true)
    expect(two.out.match(/train: done in/g)).toHaveLength(1) // what process 1 says is not shown
  })

  test('of which one is killed end together, with its number; one process goes on to the same weights', {
    timeout: 300_000,
  }, async () => {
    await prepare()
    const whole = await tagmask(wordsOf('train', 'whole')).ended
    expect(whole.code, whole.out).toBe(0)
    const long = ['--set', 'train.epochs=3']
    const processes = await startProcesses(2, [TAGMASK, ...wordsOf('train', 'killed', long)])
    await stateOf('killed')
    processes[1]!.child.kill('SIGKILL')
    const began = Date.now()
    const [leader] = (await Promise.all(processes.map(({ ended }) => ended))) as [Ended, Ended]
    expect(Date.now() - began).toBeLessThan(30_000) // seconds, not gloo's half hour
    expect(leader.code, leader.out).toBe(1)
    expect(leader.out.trim().split('\n').at(-1)).toBe(
      'error: process 1 of 2 has ended without a word: all have stopped; the same command resumes from the last checkpoint',
    )
    expect(existsSync(join(folder, 'killed', 'lock'))).toBe(false)
    const again = await tagmask(wordsOf('train', 'killed', long)).ended
    expect(again.code, again.out).toBe(0)
    expect(again.out).toContain('train: resumed at epoch')
    await expectSameWeights('killed', 'whole')
  })

  test('stop together when one is asked to, and three go on', { timeout: 300_000 }, async () => {
    await prepare()
    const six = ['--set', 'train.batchSize=6', '--set', 'train.epochs=8']
    const processes = await startProcesses(2, [TAGMASK, ...wordsOf('train', 'stopped', six)])
    await stateOf('stopped')
    processes[1]!.child.kill('SIGTERM')
    const ended = await Promise.all(processes.map(one => one.ended))
    expect(
      ended.map(({ code }) => code),
      ended[0]!.out,
    ).toEqual([130, 130])
    expect(ended[0]!.out).toMatch(/resume with the same command\nstopped at epoch \d+, step \d+\n$/)
    const words = wordsOf('train', 'stopped', six)
    const three = await tagmask(['launch', '--nproc', '3', '--', ...words]).ended
    expect(three.code, three.out).toBe(0)
    expect(three.out).toContain('train: resumed at epoch')
    const one = await tagmask(wordsOf('train', 'alone', six)).ended
    expect(one.code, one.out).toBe(0)
    await expectSameWeights('stopped', 'alone')
  })
})

/** Waits for the first checkpoint of a run. */
async function stateOf(name: string): Promise<void> {
  const file = join(folder, name, 'checkpoints/state.safetensors')
  for (let tries = 0; tries < 600 && !existsSync(file); tries++) await sleep(50)
  expect(existsSync(file)).toBe(true)
}
