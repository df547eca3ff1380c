/** @file Shards as processes of their own, all at once, also by the templates of deploy/: the files are those of a run without shards. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { generateDemo } from '../src/data/demo/index.ts'
import { exportMasks } from '../src/pipeline/export/export-masks.ts'
import { repository } from './source-files.ts'
import { runContents } from './tiny-run.ts'

const RECIPE = `method: weaktr
model: { width: { embedDim: 12, depth: 3, heads: 2 }, imageSize: 32, patchSize: 8, fusion: { kind: aaf, reduction: 2, featReduction: 2 } }
data: { layout: folder, valSplit: val, workers: 1 }
train: { epochs: 1, batchSize: 16 }
maps: { scales: [1] }
refine: { method: affinity+crf, background: 0.4, sure: {}, walk: { logt: 2 } }
affinity: { cropSize: 32, epochs: 1, batchSize: 16 }
segment: { backbone: model, cropSize: 32, epochs: 1, batchSize: 16 }
predict: { scales: [1] }
report: { images: 3 }
threads: 1
`
const IMAGES = 80 // two blocks of 32 that pass through the network together, and a half

let folder = ''
const at = (...names: string[]): string => join(folder, ...names)
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  TAGMASK_THREADS: '1',
  PATH: [at('bin'), process.env.PATH].join(delimiter),
})

interface Ended {
  readonly code: number | null
  readonly text: string
}

function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...environment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += String(chunk)))
  const ended = new Promise<Ended>(resolve => child.on('close', code => resolve({ code, text })))
  return { child: child as ChildProcess, ended }
}

const tagmask = (...args: string[]): Promise<Ended> => start('tagmask', args).ended
async function done(...args: string[]): Promise<string> {
  const { code, text } = await tagmask(...args)
  expect(code, text).toBe(0)
  return text
}
/** Two shards at once, then the command without --shard. */
async function inShards(...args: string[]): Promise<void> {
  const ended = await Promise.all([1, 2].map(i => tagmask(...args, '--shard', `${i}/2`)))
  for (const { code, text } of ended) expect(code, text).toBe(0)
  await done(...args)
}
const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1)!

interface Job {
  readonly apiVersion: string
  readonly kind: string
  readonly spec: {
    readonly completionMode?: string
    readonly completions?: number
    readonly template: {
      readonly spec: {
        readonly restartPolicy: string
        readonly containers: readonly {
          readonly command: readonly string[]
          readonly args: readonly string[]
          readonly env: readonly { readonly name: string; readonly value: string }[]
          readonly volumeMounts: readonly { readonly name: string }[]
        }[]
        readonly volumes: readonly { readonly name: string }[]
      }
    }
  }
}

const SCRIPT = join(repository, 'deploy/slurm/maps-array.sbatch')
const JOBS = ['maps-indexed-job.yaml', 'maps-complete-job.yaml'] as const

/** The script of the array as SLURM starts it. */
function slurm(run: string, index: number, env: NodeJS.ProcessEnv): Promise<Ended> {
  const own = { SLURM_ARRAY_TASK_ID: String(index), SLURM_CPUS_PER_TASK: '1' }
  return start('bash', [SCRIPT, run, '--quiet'], { ...own, ...env }).ended
}

/** The command of a job as its container starts it. */
async function kubernetes(name: (typeof JOBS)[number], run: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const [container] = (await jobOf(name)).spec.template.spec.containers
  const { command, args, env: own } = container!
  const values = Object.fromEntries(own.map(one => [one.name, one.value]))
  return start(command[0]!, [...command.slice(1), ...args], { ...values, ...env, RUN: run, THREADS: '1' })
    .ended
}

const template = (name: string): Promise<string> => readFile(join(repository, 'deploy', name), 'utf8')
const jobOf = async (name: string): Promise<Job> => parse(await template(`kubernetes/${name}`)) as Job

/** A copy of the trained run, in which no later stage has begun. */
async function copyOf(name: string): Promise<string> {
  await cp(at('runs', 'trained'), at('runs', name), { recursive: true })
  return `runs/${name}`
}

/** Number of files of CAMs; the folder may be made anew at this moment. */
const made = async (run: string): Promise<number> =>
  (await readdir(at(run, 'maps')).catch(() => [])).filter(file => file.endsWith('.safetensors')).length

async function mapsOf(run: string): Promise<Map<string, string>> {
  const all = await runContents(at(run))
  return new Map([...all].filter(([file]) => /^(maps\/|head-weights|class-tokens)/.test(file)))
}

let wholeMaps = new Map<string, string>()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-shards-'))
  await mkdir(at('bin'))
  await symlink(join(repository, 'bin/tagmask'), at('bin', 'tagmask'))
  await generateDemo(at('data'), { images: IMAGES, valImages: 40, size: 48, seed: 3 })
  await writeFile(at('trained.yaml'), RECIPE)
  await done('train', 'trained.yaml', '--data', 'data')
  await done('maps', await copyOf('alone'))
  wholeMaps = await mapsOf('runs/alone')
  expect(wholeMaps.size).toBeGreaterThan(IMAGES)
}, 240_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

test('three processes at once, two of them by deploy/, and the command without --shard make the files of one process', {
  timeout: 240_000,
}, async () => {
  const run = await copyOf('three')
  const shards = await Promise.all([
    tagmask('maps', run, '--shard', '1/3'),
    slurm(run, 2, { SLURM_ARRAY_TASK_MAX: '3' }),
    kubernetes('maps-indexed-job.yaml', run, { JOB_COMPLETION_INDEX: '2', SHARDS: '3' }),
  ])
  for (const [i, { code, text }] of shards.entries()) {
    expect(code, text).toBe(0)
    const own = [32, 32, 16][i]
    expect(lastLine(text)).toBe(
      `shard ${i + 1}/3 of maps: ${own} of ${IMAGES} images; when all shards are done, run: tagmask maps ${run}`,
    )
  }
  expect((await readdir(at(run, 'maps'))).length).toBe(IMAGES)
  expect(JSON.parse(await readFile(at(run, 'stages/maps.json'), 'utf8'))).toMatchObject({ state: 'running' })
  await expect(stat(at(run, 'head-weights.json'))).rejects.toThrow('ENOENT')
  const times = async () =>
    Promise.all(
      (await readdir(at(run, 'maps'))).map(async file => (await stat(at(run, 'maps', file))).mtimeMs),
    )
  const before = await times()
  const last = await kubernetes('maps-complete-job.yaml', run, {})
  expect(last.code, last.text).toBe(0)
  expect(await times()).toEqual(before)
  expect(await mapsOf(run)).toEqual(wholeMaps)
  expect(JSON.parse(await readFile(at(run, 'stages/maps.json'), 'utf8'))).toMatchObject({ state: 'done' })
  expect((await readdir(at(run))).filter(file => /lock|\.tmp$/.test(file))).toEqual([])
})

test('a shard that is killed is started again, or left to the command without --shard', {
  timeout: 240_000,
}, async () => {
  const run = await copyOf('killed')
  const { child, ended } = start('tagmask', ['maps', run, '--shard', '1/2'])
  while ((await made(run)) < 2) await new Promise(resolve => setTimeout(resolve, 5))
  child.kill('SIGKILL')
  await ended
  expect(lastLine(await done('maps', run, '--shard', '1/2'))).toContain('shard 1/2 of maps: 48 of 80 images')
  const second = start('tagmask', ['maps', run, '--shard', '2/2'])
  while ((await made(run)) < 50) await new Promise(resolve => setTimeout(resolve, 5))
  second.child.kill('SIGKILL')
  await second.ended
  await done('maps', run)
  expect(await mapsOf(run)).toEqual(wholeMaps)
  expect((await readdir(at(run))).filter(file => /lock|\.tmp$/.test(file))).toEqual([])
})

test('refine and predict in shards, with files that were deleted, make those of one process', {
  timeout: 400_000,
}, async () => {
  await done('run', 'runs/alone')
  const whole = await runContents(at('runs/alone'))
  for (const part of ['refined/', 'sure-masks/', 'pseudo-masks/', 'predictions/val/ms-crf/'])
    expect(
      [...whole.keys()].some(file => file.startsWith(part)),
      part,
    ).toBe(true)
  await cp(at('runs/alone'), at('runs/shared'), { recursive: true })
  for (const folder of ['refined', 'sure-masks', 'pseudo-masks', 'predictions'])
    await rm(at('runs/shared', folder), { recursive: true })
  for (const stage of ['refine', 'predict']) await inShards(stage, 'runs/shared')
  expect(await runContents(at('runs/shared'))).toEqual(whole)
})

test('masks of a folder and an export in shards are those of one process', { timeout: 400_000 }, async () => {
  const masksTo = (out: string) => ['predict', 'runs/alone', '--images', 'data/images', '--out', out]
  await done(...masksTo('masks-alone'))
  await inShards(...masksTo('masks'))
  const masks = await runContents(at('masks'))
  masks.delete('tagmask-masks.jsonl') // in the order of time
  const alone = await runContents(at('masks-alone'))
  alone.delete('tagmask-masks.jsonl')
  expect(masks).toEqual(alone)

  const options = { target: at('masks'), format: 'labelme', images: at('data/images') } as const
  await exportMasks({ ...options, out: at('polygons-alone') })
  await inShards('export', 'masks', '--format', 'labelme', '--images', 'data/images', '--out', 'polygons')
  expect(await runContents(at('polygons'))).toEqual(await runContents(at('polygons-alone')))
})

describe('deploy/slurm/maps-array.sbatch', () => {
  test('is a script of bash whose options come first', async () => {
    await promisify(execFile)('bash', ['-n', SCRIPT])
    const lines = (await template('slurm/maps-array.sbatch')).split('\n')
    expect(lines[0]).toBe('#!/bin/bash')
    const last = lines.findLastIndex(line => line.startsWith('#SBATCH'))
    expect(lines.slice(0, last).every(line => line.startsWith('#'))).toBe(true) // sbatch stops reading at the first command
    expect(lines.filter(line => line.startsWith('#SBATCH --array='))).toEqual(['#SBATCH --array=1-8'])
  })

  test('takes n from SHARDS where only some are started again', async () => {
    const { text } = await slurm('runs/alone', 2, { SLURM_ARRAY_TASK_MAX: '2', SHARDS: '3' })
    expect(lastLine(text)).toBe('maps is done as a whole: nothing is left for shard 2/3')
  })
})

describe('deploy/kubernetes', () => {
  test.each(JOBS)('%s is a job whose parts fit together', async name => {
    expect(parseAllDocuments(await template(`kubernetes/${name}`))).toHaveLength(1)
    const { apiVersion, kind, spec } = await jobOf(name)
    const { restartPolicy, containers, volumes } = spec.template.spec
    expect([apiVersion, kind, restartPolicy]).toEqual(['batch/v1', 'Job', 'Never'])
    expect(containers[0]!.volumeMounts.map(mount => mount.name)).toEqual(volumes.map(volume => volume.name))
    const env = Object.fromEntries(containers[0]!.env.map(one => [one.name, one.value]))
    if (spec.completionMode !== undefined) expect(env.SHARDS).toBe(String(spec.completions))
  })
})
