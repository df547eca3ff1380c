/** @file tagmask launch, with processes that fail: which one is said, and all are gone soon after. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { generateDemo } from '../../src/data/demo/index.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { NOT_BUILT, type Started, started, TAGMASK } from './started-processes.ts'

const SUFFIX = NOT_BUILT === undefined ? '' : `: ${NOT_BUILT}`
const RECIPE = `method: cam
model: { width: { embedDim: 24, depth: 4, heads: 2 }, imageSize: 32, patchSize: 16, dropPath: 0 }
data: { layout: folder, valSplit: null }
train: { epochs: 200, batchSize: 4, checkpointSteps: 1 }
precision: fp32
`

async function folderWithData(recipe = RECIPE): Promise<string> {
  const folder = await temporaryFolder({ 'tiny.yaml': recipe })
  await generateDemo(join(folder, 'data'), { images: 8, valImages: 0, size: 48, seed: 3 })
  return folder
}

function launch(folder: string, more: readonly string[] = [], command = 'train'): Started {
  const own = [command, join(folder, 'tiny.yaml'), '--data', join(folder, 'data'), '--runs', folder]
  return started(spawn(process.execPath, [TAGMASK, 'launch', '--nproc', '2', ...own, ...more]))
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.trim().split(' ').filter(Boolean).map(Number)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe.skipIf(NOT_BUILT)(`launch${SUFFIX}`, () => {
  test.each([0, 1])('process %i is killed', { timeout: 120_000 }, async rank => {
    const folder = await folderWithData()
    const { child, ended } = launch(folder)
    const state = join(folder, 'tiny/checkpoints/state.safetensors')
    for (let tries = 0; tries < 600 && !existsSync(state); tries++) await sleep(50)
    const children = await childrenOf(child.pid!)
    expect(children).toHaveLength(2)
    process.kill(children[rank]!, 'SIGKILL')
    const began = Date.now()
    const { code, out } = await ended
    expect(Date.now() - began).toBeLessThan(30_000)
    expect(code).toBe(1)
    expect(out.trim().split('\n').at(-1)).toBe(
      `error: process ${rank} of 2 was ended by SIGKILL; the others were stopped; the same command resumes from the last checkpoint`,
    )
    expect(children.filter(isRunning)).toEqual([])
  })

  test('an error is said once', { timeout: 60_000 }, async () => {
    const folder = await folderWithData()
    const { code, out } = await launch(folder, ['--set', 'train.batchSize=5']).ended
    expect(code).toBe(1)
    expect(out.split('\n').filter(line => line.startsWith('error:'))).toEqual([
      'error: train.batchSize: is 5, which 2 processes cannot share; it is the batch of all processes together: a multiple of 2, such as 6',
    ])
  })

  test('a method whose losses see the whole batch is refused', { timeout: 60_000 }, async () => {
    const folder = await folderWithData(
      RECIPE.replace('method: cam', 'method: cti').replace('epochs', 'infusion: 1, epochs'),
    )
    const { code, out } = await launch(folder).ended
    expect(code).toBe(1)
    expect(out.trim().split('\n').at(-1)).toBe(
      'error: method: cti does not train in several processes: its cross loss takes tokens from other images of the batch; use one process, or set train.losses.cross=0',
    )
    expect(existsSync(join(folder, 'tiny'))).toBe(false)
  })

  test('a dry run is one plan', { timeout: 60_000 }, async () => {
    const folder = await folderWithData()
    const { code, out } = await launch(folder, ['--dry-run'], 'run').ended
    expect(code, out).toBe(0)
    expect(out.match(/train/g)!.length).toBeGreaterThan(0)
    expect(existsSync(join(folder, 'tiny'))).toBe(false)
  })
})
