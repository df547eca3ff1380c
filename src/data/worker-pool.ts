/** @file Worker threads that answer tasks; when one stops, all waiting tasks fail with an error that names what it worked on. */
import { parentPort, type Transferable, Worker, workerData } from 'node:worker_threads'
import { InputError, TagmaskError } from '../errors.ts'
import { textOf } from '../io/printable.ts'
import { addSpan, monotonic } from '../io/profile.ts'
import { checkThreads } from '../io/thread-count.ts'

/** `run` gives a task to one worker (0 to size - 1), which answers its tasks in order and starts with its first. */
export interface WorkerPool<Task, Reply> {
  run(worker: number, task: Task): Promise<Reply>
  /** Ends each thread after its current task; waiting tasks fail. */
  close(): Promise<void>
}

export interface WorkerPoolOptions<Task> {
  readonly size: number
  readonly workerData: unknown
  /** Name of a task for messages, such as a file; `part` is the last one given to `atPart`. */
  readonly nameOf?: (task: Task, part: number) => string | undefined
}

interface Request<Task> {
  readonly id: number
  readonly task: Task
}

/** No more requests: end after the current one. */
const STOP = 'stop'

type Answer<Reply> =
  | { readonly id: number; readonly reply: Reply; readonly start: number; readonly end: number }
  | { readonly id: number; readonly failure: string; readonly stack: string | undefined }
  | { readonly idle: true }

interface Waiting<Task, Reply> {
  readonly task: Task
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

interface PoolWorkerData {
  readonly own: unknown
  /** Two int32 shared by both sides, also while the thread computes. */
  readonly shared: SharedArrayBuffer
}

/** In `shared`: the thread's current part, written by it; 1 when it is to stop, written by the pool. */
const [PART, STOPPING] = [0, 1]

const PATIENCE_MS = 10_000 // then the thread is terminated

/** At most `size` threads of a built worker file, the first at once; they do not keep the process alive while they are idle. */
export function openWorkerPool<Task, Reply>(
  url: URL,
  { size, workerData: own, nameOf = () => undefined }: WorkerPoolOptions<Task>,
): WorkerPool<Task, Reply> {
  if (!Number.isInteger(size) || size < 1)
    throw new InputError('workers', `is ${size}`, { expected: 'at least one loader thread is needed' })
  checkThreads(size, { source: 'data.workers' })
  let stopped: Error | undefined
  let ids = 0
  const open = () => {
    const shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)
    const state = new Int32Array(shared)
    const worker = new Worker(url, { workerData: { own, shared } satisfies PoolWorkerData, execArgv: [] })
    const waiting = new Map<number, Waiting<Task, Reply>>()
    let tellIdle: () => void
    const idle = new Promise<void>(resolve => (tellIdle = resolve))
    /** " at FILE" when the thread has a task. */
    const place = (): string => {
      const [first] = waiting.values() // tasks are answered in order
      const name = first === undefined ? undefined : nameOf(first.task, Atomics.load(state, PART))
      return name === undefined ? '' : ` at ${name}`
    }
    worker.on('message', (answer: Answer<Reply>) => {
      if ('idle' in answer) return tellIdle()
      const request = waiting.get(answer.id)
      const where = place()
      waiting.delete(answer.id)
      if (waiting.size === 0) worker.unref()
      if ('reply' in answer) {
        addSpan({ work: 'decode', start: answer.start, end: answer.end })
        request?.resolve(answer.reply)
      } else
        request?.reject(
          new TagmaskError(`a loader thread failed${where}: ${answer.failure}`, { cause: answer.stack }),
        )
    })
    worker.on('error', error => stop(`a loader thread stopped${place()}: ${textOf(error)}`, error))
    worker.on('exit', code => {
      tellIdle()
      stop(`a loader thread ended with code ${code}${place()}`)
    })
    worker.unref()
    return { worker, waiting, idle, state }
  }
  const members = new Map([[0, open()]])

  function stop(message: string, cause?: unknown): void {
    stopped ??= new TagmaskError(message, { cause })
    for (const { waiting } of members.values()) {
      for (const { reject } of waiting.values()) reject(stopped)
      waiting.clear()
    }
  }

  return {
    run(index, task) {
      if (stopped !== undefined) return Promise.reject(stopped)
      if (index >= size) throw new TagmaskError(`worker ${index} of ${size}`)
      const member = members.get(index) ?? open()
      members.set(index, member)
      const { worker, waiting } = member
      const id = ids++
      return new Promise<Reply>((resolve, reject) => {
        waiting.set(id, { task, resolve, reject })
        worker.ref()
        worker.postMessage({ id, task } satisfies Request<Task>)
      })
    },
    async close() {
      stop('the loader was closed')
      await Promise.all(
        [...members.values()].map(async ({ worker, idle, state }) => {
          worker.ref()
          Atomics.store(state, STOPPING, 1)
          worker.postMessage(STOP)
          await within(PATIENCE_MS, idle) // a thread that is ended while native code computes takes the process with it
          await worker.terminate()
        }),
      )
    },
  }
}

/** Waits for the promise, but not longer. */
async function within(milliseconds: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([
    promise,
    new Promise<void>(resolve => {
      timer = setTimeout(resolve, milliseconds)
    }),
  ])
  clearTimeout(timer)
}

/** The worker's side: what the pool was opened with. */
export function ownWorkerData<T>(): T {
  return (workerData as PoolWorkerData).own as T
}

/**
 * The worker's side: answers tasks one after another; `transfer` names the buffers to pass uncopied. `handle` calls `atPart`
 * before each part of its task: errors name that part, and a thread that is to stop ends there.
 */
export function answerTasks<Task, Reply>(
  handle: (task: Task, atPart: (part: number) => void) => Promise<Reply>,
  transfer: (reply: Reply) => Transferable[] = () => [],
): void {
  const state = new Int32Array((workerData as PoolWorkerData).shared)
  const atPart = (part: number): void => {
    if (Atomics.load(state, STOPPING) === 1) throw new TagmaskError('the pool is closed')
    Atomics.store(state, PART, part)
  }
  let last = Promise.resolve()
  parentPort?.on('message', (request: Request<Task> | typeof STOP) => {
    if (request === STOP) {
      last = last.then(() => parentPort?.postMessage({ idle: true } satisfies Answer<Reply>))
      return
    }
    const { id, task } = request
    last = last.then(async () => {
      try {
        atPart(0)
        const start = monotonic()
        const reply = await handle(task, atPart)
        const answer = { id, reply, start, end: monotonic() } satisfies Answer<Reply>
        parentPort?.postMessage(answer, transfer(reply))
      } catch (error) {
        const [failure, stack] =
          error instanceof Error ? [error.message, error.stack] : [String(error), undefined]
        parentPort?.postMessage({ id, failure, stack } satisfies Answer<Reply>)
      }
    })
  })
}
