import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { commitOf } from '../../bench/commit.ts'
import { appendHistory } from '../../bench/history.ts'
import { repository } from '../source-files.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { entryWith } from './results.ts'

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** No python: peers are absent wherever the tests run. */
async function bench(...args: string[]): Promise<Ran> {
  const env = { ...process.env, TAGMASK_TORCH_PYTHON: '/none', TAGMASK_PYDENSECRF: '/none' }
  const program = join(repository, 'dist/bench/bench.js')
  return promisify(execFile)(process.execPath, [program, ...args], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ran) => error,
  )
}

test('rows run, each in its own process, and none of a quick run is in the history', async () => {
  const history = join(await temporaryFolder({}), 'history.jsonl')
  const only = 'cams/mctformer,dense-crf/2-one-thread,read-weights/safetensors'
  const options = ['--only', only, '--precision', 'fp32', '--history', history]
  const { code, stdout, stderr } = await bench('--quick', '--json', ...options)
  expect(stderr).toContain('cams/mctformer fp32: round 1 of 1\n')
  expect(code).toBe(0)
  const { rows, machine, device } = JSON.parse(stdout)
  expect(machine.libtorch).toMatch(/^\d+\.\d+/)
  expect(device).toBe('cpu')
  const [cams, crf, reading] = rows
  expect(cams).toMatchObject({
    row: 'cams/mctformer',
    precision: 'fp32',
    unit: 'images/s',
    floor: 'products',
    peer: null,
    missing:
      'give a python with torch and numpy: TAGMASK_TORCH_PYTHON=PYTHON, or apt-get install python3-torch',
  })
  expect(cams.bars).toEqual([{ of: 'share', bound: 0.7, precision: 'fp32', met: cams.share >= 0.7 }])
  expect(crf).toMatchObject({
    precision: null,
    share: null,
    missing: 'give a python with pydensecrf: TAGMASK_PYDENSECRF=PYTHON',
  })
  expect(reading).toMatchObject({ unit: 'MB/s', floor: 'its bytes', missing: null })
  for (const { value } of rows) expect(value).toBeGreaterThan(0)
  for (const { share } of [cams, reading]) expect(share).toBeGreaterThan(0)
  expect(existsSync(history)).toBe(false)
})

test('a row that refuses what it was given is named, the others are measured', async () => {
  const folder = await temporaryFolder({})
  const only = 'par/one-thread,read-weights/safetensors'
  const { code, stdout, stderr } = await bench('--quick', '--only', only, '--clone', `afa=${folder}`)
  expect(stderr).toContain(
    `par/one-thread: --clone (afa): ${folder} has no wetr/model_attn_aff.py; give a clone of github.com/rulixiang/afa\n`,
  )
  expect(stdout).toMatch(/^read-weights\/safetensors +- +[\d.]+ MB\/s/m)
  expect(stdout).not.toMatch(/^par/m)
  expect(code).toBe(1)
})

test('--compare reads the history and measures nothing', async () => {
  const history = join(await temporaryFolder({}), 'history.jsonl')
  await appendHistory(history, [entryWith(), entryWith({ share: 0.52 })])
  const { stdout, stderr } = await bench('--compare', '--history', history)
  expect(stderr).toBe('')
  expect(stdout).toBe(
    'slower: train/mctformer fp32: 52 % of products, 65 % of products at 0123456789ab, 2026-12-01 (-20 %)\n' +
      '1 slower by more than 10 %: 1 compared with its last entry on this kind of machine\n',
  )
})

test('a broken line of the history is said before anything is measured', async () => {
  const history = join(await temporaryFolder({ 'history.jsonl': '{\n' }), 'history.jsonl')
  expect(await bench('--history', history)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: `error: ${history} (line 1): is not JSON; mend or remove that line (git restore brings back what was committed)\n`,
  })
})

test('a commit is that of a work tree whose top is the folder, and the history does not make it dirty', async () => {
  const root = await temporaryFolder({ a: '1' })
  const but = 'bench/history.jsonl'
  expect(commitOf(root, { but })).toBe(undefined)
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', root, '-c', 'user.name=n', '-c', 'user.email=e', ...args], {
      encoding: 'utf8',
    })
  git('init', '-q')
  expect(commitOf(root, { but })).toBe(undefined)
  git('add', 'a')
  git('commit', '-qm', 'one')
  const commit = git('rev-parse', '--short=12', 'HEAD').trim()
  expect(commitOf(root, { but })).toEqual({ commit, dirty: false })
  await mkdir(join(root, 'bench'))
  await writeFile(join(root, but), '\n')
  expect(commitOf(root, { but })).toEqual({ commit, dirty: false })
  expect(commitOf(join(root, 'bench'), { but })).toBe(undefined)
  await writeFile(join(root, 'b'), '')
  expect(commitOf(root, { but })).toEqual({ commit, dirty: true })
  await rm(join(root, 'b'))
  await writeFile(join(root, 'a'), '2')
  expect(commitOf(root, { but })).toEqual({ commit, dirty: true })
})

test('the benchmark is in no package, and so is its history', async () => {
  const { files } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
    files: string[]
  }
  expect(files.filter(name => name.includes('bench'))).toEqual([])
})
