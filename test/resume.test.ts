/** @file Killed with SIGKILL at five random moments, a training ends with the weights of one that was never stopped. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { generateDemo } from '../src/data/demo/index.ts'

const KILLS = 5
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-resume-'))
  await generateDemo(join(folder, 'data'), { images: 64, valImages: 16, size: 48, seed: 3 })
})

afterAll(() => rm(folder, { recursive: true }))

/** Trains in a process of its own; killed after `milliseconds` if given. Resolves to its exit code or signal. */
function train(name: string, milliseconds?: number): Promise<number | NodeJS.Signals | null> {
  const settings = [
    'train.epochs=10',
    'train.batchSize=8',
    'train.checkpointSteps=3',
    'model.imageSize=48',
    'model.dropPath=0.2',
    'threads=1',
  ]
  const args = ['train', 'mctformer_demo', '--data', join(folder, 'data'), '--runs', folder, '--name', name]
  const child = spawn(
    process.execPath,
    ['bin/tagmask', ...args, '--set', 'data.layout=folder', ...settings.flatMap(one => ['--set', one])],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const timer = milliseconds === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), milliseconds)
  return new Promise(resolve =>
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      resolve(signal ?? code)
    }),
  )
}

async function weights(name: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(folder, name, 'checkpoints/last.safetensors')))
    .digest('hex')
}

test('a killed training goes on as if nothing had happened', { timeout: 240_000 }, async () => {
  const began = Date.now()
  expect(await train('whole')).toBe(0)
  const duration = Date.now() - began
  // Any moment from the start of libtorch to inside the training; where the machine has become so much faster that a training
  // ends before all kills, the rest are those of another one.
  for (let killed = 0, round = 0; killed < KILLS; round++) {
    const name = `killed-${round}`
    let end: number | string | null
    do {
      const moment = duration * (0.1 + 0.25 * Math.random())
      end = await train(name, killed < KILLS ? moment : undefined)
      if (end === 'SIGKILL') killed++
    } while (end === 'SIGKILL')
    expect(end).toBe(0)
    expect(await weights(name)).toBe(await weights('whole'))
  }
})
