import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { TagmaskError } from '../errors.ts'
import { workerUrl } from '../io/worker-url.ts'
import { openWorkerPool, type WorkerPool } from './worker-pool.ts'

/** A task of a test thread: the time of each part, processor busy, and the part at which to fail or die. */
interface Task {
  readonly files: readonly string[]
  readonly milliseconds?: number
  readonly failsAt?: number
  readonly diesAt?: number
  readonly throwsAt?: number
  /** [parts done] */
  readonly done: SharedArrayBuffer
}

const SCRIPT = `
import { serveJobs } from ${JSON.stringify(workerUrl(import.meta.url, 'worker-tasks').href)}
serveJobs(() => ({ handle: async ({ files, milliseconds = 0, failsAt, diesAt, throwsAt, done }, atPart) => {
  for (const [part] of files.entries()) {
    atPart(part)
    const end = Date.now() + milliseconds
    while (Date.now() < end);
    if (part === failsAt) throw new TypeError('x is not a function')
    if (part === diesAt) process.exit(5)
    if (part === throwsAt) { setImmediate(() => { throw new Error('lost') }); await new Promise(() => undefined) }
    Atomics.add(new Int32Array(done), 0, 1)
  }
  return files.length
} }))`

const pools: WorkerPool<Task, number>[] = []
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close()
})

function open(): WorkerPool<Task, number> {
  const pool = openWorkerPool<Task, number>(new URL(`data:text/javascript,${encodeURIComponent(SCRIPT)}`), {
    size: 1,
    job: undefined,
    nameOf: ({ files }, part) => files[part],
  })
  pools.push(pool)
  return pool
}

const counter = () => new SharedArrayBuffer(4)
const count = (done: SharedArrayBuffer): number => Atomics.load(new Int32Array(done), 0)

test('a pool that is closed lets the part at hand end, and begins no other', async () => {
  const pool = open()
  const done = counter()
  expect(await pool.run(0, { files: ['first.jpg'], done: counter() })).toBe(1)
  const files = Array.from({ length: 100 }, (_, i) => `${i}.jpg`)
  const running = pool.run(0, { files, milliseconds: 200, done })
  const waiting = pool.run(0, { files, done })
  const outcomes = Promise.allSettled([running, waiting])
  while (count(done) === 0) await sleep(5)
  const began = Date.now()
  await pool.close()
  expect(Date.now() - began).toBeLessThan(5000)
  const reached = count(done)
  expect(reached).toBeLessThan(100)
  await sleep(300)
  expect(count(done)).toBe(reached)
  const closed = new TagmaskError('the loader was closed')
  expect(await outcomes).toEqual([
    { status: 'rejected', reason: closed },
    { status: 'rejected', reason: closed },
  ])
  await expect(pool.run(0, { files, done })).rejects.toThrow(closed)
})

test('a pool can be closed before it has begun, and twice', async () => {
  const pool = open()
  await pool.close()
  const next = open()
  await pool.close() // its thread serves the next one now
  expect(await next.run(0, { files: ['a.jpg'], done: counter() })).toBe(1)
})

test('the next pool has the thread of one that was closed, without its job; one that died is not used again', async () => {
  const script = `import { threadId } from 'node:worker_threads'
import { serveJobs } from ${JSON.stringify(workerUrl(import.meta.url, 'worker-tasks').href)}
serveJobs(job => ({ handle: async task => {
  if (task === 'die') process.exit(0)
  return job + ' in ' + threadId
} }))`
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`)
  const once = async (job: string): Promise<string> => {
    const pool = openWorkerPool<string, string>(url, { size: 1, job })
    const reply = await pool.run(0, 'task')
    await pool.close()
    return reply
  }
  const first = await once('first')
  expect(await once('second')).toBe(first.replace('first', 'second'))
  const pool = openWorkerPool<string, string>(url, { size: 1, job: 'third' })
  await expect(pool.run(0, 'die')).rejects.toThrow('ended with code 0')
  await pool.close()
  expect(await once('fourth')).not.toBe(first.replace('first', 'fourth'))
})

test('a thread that keeps much in memory is ended with its pool', async () => {
  const script = `import { threadId } from 'node:worker_threads'
import { serveJobs } from ${JSON.stringify(workerUrl(import.meta.url, 'worker-tasks').href)}
serveJobs(() => {
  const kept = []
  return { handle: async bytes => { kept.push(new Uint8Array(bytes)); return threadId } }
})`
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`)
  const threadAfter = async (bytes: number): Promise<number> => {
    const pool = openWorkerPool<number, number>(url, { size: 1, job: undefined })
    const id = await pool.run(0, bytes)
    await pool.close()
    return id
  }
  const first = await threadAfter(1e6)
  expect(await threadAfter(50e6)).toBe(first)
  expect(await threadAfter(1e6)).not.toBe(first)
})

test('a thread that fails names the file that it was at', async () => {
  const task = { files: ['a.jpg', 'b.jpg', 'c.jpg'], failsAt: 1, done: counter() }
  await expect(open().run(0, task)).rejects.toThrow(
    new TagmaskError('a loader thread failed at b.jpg: x is not a function'),
  )
})

test.each([
  [{ diesAt: 2 }, 'a loader thread ended with code 5 at c.jpg'],
  [{ throwsAt: 1 }, 'a loader thread stopped at b.jpg: lost'],
])('a thread that dies names the file that it was at: %o', async (how, message) => {
  const task = { files: ['a.jpg', 'b.jpg', 'c.jpg'], ...how, done: counter() }
  await expect(open().run(0, task)).rejects.toThrow(new TagmaskError(message))
})
