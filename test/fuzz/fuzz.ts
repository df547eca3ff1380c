/** @file Fuzzes a reader in a process of its own, which may crash or hang, and tells what came of it. */
import { fork } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { repository } from '../source-files.ts'
import { type ChildTask, type Failure, keptPath, type Tally } from './task.ts'

export interface FuzzOptions {
  /** File in dist/ of the module with the readers. */
  readonly module?: string
  readonly seed?: number
  readonly first?: number
  readonly inputs?: number
  readonly seconds?: number
  /** ms without a sign of life; then the process is killed. */
  readonly patience?: number
}

export interface FuzzReport extends Tally {
  readonly reader: string
  readonly seed: number
  /** Of the clock. */
  readonly seconds: number
}

const MOST_DEATHS = 5

/** A hang shows, and a heap that grows. One arena, and large blocks are given back: a peak is one of this input. */
const NODE_FLAGS = [
  '--expose-gc',
  '--max-old-space-size=512',
  '--max-semi-space-size=4',
  '--single-threaded-gc',
]
const ENVIRONMENT = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '131072', VIPS_CONCURRENCY: '1' }

/** Reads `inputs` mutated files, or as many as `seconds` allow. A process that died goes on behind the input it died of. */
export async function fuzz(
  reader: string,
  {
    module = 'readers/list.js',
    seed = 1,
    first = 0,
    inputs = Number.MAX_SAFE_INTEGER,
    seconds = 86_400,
    patience = 60_000,
  }: FuzzOptions = {},
): Promise<FuzzReport> {
  const begin = Date.now()
  const parts: Tally[] = []
  for (let next = first, deaths = 0; next < first + inputs && deaths < MOST_DEATHS; deaths++) {
    const left = seconds - (Date.now() - begin) / 1000
    if (left <= 0) break
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tagmask-fuzz-'))
    const url = pathToFileURL(join(repository, 'dist/test/fuzz', module)).href
    const task = {
      module: url,
      reader,
      folder,
      seed,
      first: next,
      inputs: first + inputs - next,
      seconds: left,
    }
    try {
      const { tally, died } = await runChild(task, patience)
      parts.push(tally)
      if (died === undefined) break
      next = died.input + 1
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return { ...united(parts), reader, seed, seconds: (Date.now() - begin) / 1000 }
}

/** `died`: the input that killed it, which is one of the failures. Throws when it dies before its first input. */
function runChild(task: ChildTask, patience: number): Promise<{ tally: Tally; died?: Failure }> {
  const child = fork(join(repository, 'dist/test/fuzz/child.js'), [JSON.stringify(task)], {
    execArgv: NODE_FLAGS,
    env: { ...process.env, ...ENVIRONMENT },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let tally: Tally = NOTHING
  let words = ''
  let hung = false
  const kill = () => {
    hung = true
    child.kill('SIGKILL')
  }
  const end = () => {
    kill()
    rmSync(task.folder, { recursive: true, force: true })
  }
  process.on('exit', end)
  let watchdog = setTimeout(kill, patience)
  child.on('message', message => {
    tally = message as Tally
    clearTimeout(watchdog)
    watchdog = setTimeout(kill, patience)
  })
  child.stderr?.on('data', (text: Buffer) => {
    words = (words + text.toString()).slice(-4000)
  })
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      process.off('exit', end)
      clearTimeout(watchdog)
      if (code === 0) return resolve({ tally })
      const at = join(task.folder, 'at')
      const input = existsSync(at) ? Number.parseInt(readFileSync(at, 'utf8'), 10) : Number.NaN
      if (!Number.isInteger(input)) return reject(new Error(`${task.reader} did not begin: ${words}`))
      const problem = hung ? `did not end in ${patience / 1000} s` : `died (${signal ?? code}): ${words}`
      const died = { input, problem, kept: keptPath(task, input) }
      const path = join(task.folder, 'input')
      if (existsSync(path)) copyFileSync(path, died.kept)
      const inputs = input - task.first + 1
      resolve({ tally: { ...tally, inputs, failures: [...tally.failures, died] }, died })
    })
  })
}

const NOTHING: Tally = {
  inputs: 0,
  accepted: 0,
  cpu: 0,
  slowest: { input: 0, seconds: 0 },
  largest: { input: 0, bytes: 0, size: 0 },
  large: undefined,
  failures: [],
}

function united(parts: readonly Tally[]): Tally {
  return parts.reduce(
    (all, part) => ({
      inputs: all.inputs + part.inputs,
      accepted: all.accepted + part.accepted,
      cpu: all.cpu + part.cpu,
      slowest: part.slowest.seconds > all.slowest.seconds ? part.slowest : all.slowest,
      largest: part.largest.bytes > all.largest.bytes ? part.largest : all.largest,
      large: all.large ?? part.large,
      failures: [...all.failures, ...part.failures],
    }),
    NOTHING,
  )
}
