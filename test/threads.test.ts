/** @file The number of threads is checked in one place, wherever it comes from. */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { openWorkerPool } from '../src/data/worker-pool.ts'
import { InputError } from '../src/errors.ts'
import { checkThreads, defaultThreads, threadLimit } from '../src/io/thread-count.ts'
import { crfThreads, denseCrf } from '../src/refine/dense-crf.ts'
import { setThreads, threads } from '../src/torch/index.ts'

const expected = `expected a whole number from 1 to ${threadLimit()}, the most for ${availableParallelism()} processors`
const tooMany = threadLimit() + 1

const given = process.env.TAGMASK_THREADS
afterEach(() => {
  process.env.TAGMASK_THREADS = given
})

test('the limit leaves room on small machines', () => {
  expect(threadLimit()).toBe(Math.max(16, 4 * availableParallelism()))
  expect(checkThreads(threadLimit(), { source: 'x' })).toBe(threadLimit())
})

describe('TAGMASK_THREADS', () => {
  test.for([
    ['-3', "'-3'"],
    ['zwei', "'zwei'"],
    ['1.5', "'1.5'"],
    ['1e9', "'1e9'"],
    ['0', '0'],
    ['100000', '100000'],
  ])('%s is refused wherever it is read', ([value, found]) => {
    process.env.TAGMASK_THREADS = value
    const message = `TAGMASK_THREADS: is ${found}; ${expected}`
    expect(defaultThreads).toThrow(InputError)
    expect(defaultThreads).toThrow(message)
    expect(crfThreads).toThrow(message)
    const loading = `import(${JSON.stringify(new URL('../dist/src/torch/index.js', import.meta.url).href)})
      .catch(({ name, message }) => console.log(name, message))`
    const { stdout, status } = spawnSync(process.execPath, ['-e', loading], { encoding: 'utf8' })
    expect({ stdout, status }).toEqual({ stdout: `InputError ${message}\n`, status: 0 })
  })

  test.for([
    ['', availableParallelism()],
    [' 2 ', 2],
    ['3', 3],
  ] as const)("'%s' is %i", ([value, count]) => {
    process.env.TAGMASK_THREADS = value
    expect(defaultThreads()).toBe(count)
  })
})

test.for([0, -3, 1.5, Number.NaN, tooMany, 100_000])('%d compute threads are refused', count => {
  const before = threads()
  expect(() => setThreads(count)).toThrow(`--threads: is ${count}; ${expected}`)
  expect(threads()).toBe(before)
})

test('loaders and the CRF have the same limit', async () => {
  const pool = () => openWorkerPool(new URL('none.js', import.meta.url), { size: tooMany, job: {} })
  expect(pool).toThrow(`data.workers: is ${tooMany}; ${expected}`)
  const image = { width: 1, height: 1, data: new Uint8Array(3) }
  const sample = { image, unary: new Float32Array(2), name: 'a.jpg', threads: tooMany }
  await expect(denseCrf(sample)).rejects.toThrow(`a.jpg (threads): is ${tooMany}; ${expected}`)
})

test('a recipe is looked at before its data are', () => {
  const run = (...set: string[]) =>
    spawnSync(process.execPath, ['bin/tagmask', 'run', 'mctformer_demo', '--runs', 'none', ...set], {
      encoding: 'utf8',
    })
  const { stderr, status } = run('--set', `data.workers=${tooMany}`)
  expect({ stderr, status }).toEqual({
    stderr: `error: recipe (data.workers): is ${tooMany}; ${expected}\n`,
    status: 1,
  })
  expect(run('--set', 'threads=5000').stderr).toBe(`error: recipe (threads): is 5000; ${expected}\n`)
})

test('the command line refuses --threads before anything starts', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['bin/tagmask', 'run', 'mctformer_demo', '--threads', '100000'],
    { encoding: 'utf8' },
  )
  expect(stderr).toContain(`--threads: is 100000; ${expected}`)
  expect(status).toBe(1)
})
