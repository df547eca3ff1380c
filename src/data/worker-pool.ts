/** @file Worker threads that answer tasks; when one stops, all waiting tasks fail with an error that names what it worked on. */
import { InputError, TagmaskError } from '../errors.ts'
import { textOf } from '../io/printable.ts'
import { addSpan } from '../io/profile.ts'
import { checkThreads } from '../io/thread-count.ts'
import { giveBack, takeWorker } from './spare-workers.ts'
import { type Answer, type JobMessage, PART, STOP, STOPPING, type TaskMessage } from './worker-tasks.ts'

/** `run` gives a task to one worker (0 to size - 1), which answers its tasks in order and starts with its first. */
export interface WorkerPool<Task, Reply> {
  run(worker: number, task: Task): Promise<Reply>
  /** Ends each thread after its current task; waiting tasks fail. */
  close(): Promise<void>
}

export interface WorkerPoolOptions<Task> {
  readonly size: number
  /** What the threads are for. */
  readonly job: unknown
  /** Name of a task for messages, such as a file; `part` is the last one given to `atPart`. */
  readonly nameOf?: (task: Task, part: number) => string | undefined
}

interface Waiting<Task, Reply> {
  readonly task: Task
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

const PATIENCE_MS = 10_000 // then the thread is terminated
/** What a thread may keep in memory and serve another pool. */
const MOST_BYTES = 32e6

/** At most `size` threads of a built worker file, the first at once; they do not keep the process alive while they are idle. */
export function openWorkerPool<Task, Reply>(
  url: URL,
  { size, job, nameOf = () => undefined }: WorkerPoolOptions<Task>,
): WorkerPool<Task, Reply> {
  if (!Number.isInteger(size) || size < 1)
    throw new InputError('workers', `is ${size}`, { expected: 'at least one loader thread is needed' })
  checkThreads(size, { source: 'data.workers' })
  let stopped: Error | undefined
  let closing: Promise<unknown> | undefined
  let ids = 0
  const open = () => {
    const shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)
    const state = new Int32Array(shared)
    const worker = takeWorker(url)
    worker.postMessage({ job, shared } satisfies JobMessage)
    const waiting = new Map<number, Waiting<Task, Reply>>()
    let tellIdle: (isSpare: boolean) => void
    /** Whether the thread may serve another pool, once it is idle. */
    const idle = new Promise<boolean>(resolve => (tellIdle = resolve))
    /** " at FILE" when the thread has a task. */
    const place = (): string => {
      const [first] = waiting.values() // tasks are answered in order
      const name = first === undefined ? undefined : nameOf(first.task, Atomics.load(state, PART))
      return name === undefined ? '' : ` at ${name}`
    }
    const onMessage = (answer: Answer<Reply>): void => {
      if ('idle' in answer) {
        tellIdle(answer.bytes <= MOST_BYTES)
        return
      }
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
    }
    const onError = (error: unknown): void =>
      stop(`a loader thread stopped${place()}: ${textOf(error)}`, error)
    const onExit = (code: number): void => {
      tellIdle(false)
      stop(`a loader thread ended with code ${code}${place()}`)
    }
    worker.on('message', onMessage).on('error', onError).on('exit', onExit)
    worker.unref()
    const leave = () => worker.off('message', onMessage).off('error', onError).off('exit', onExit)
    return { worker, waiting, idle, state, leave }
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
        worker.postMessage({ id, task } satisfies TaskMessage<Task>)
      })
    },
    close() {
      stop('the loader was closed')
      closing ??= Promise.all([...members.values()].map(end))
      return closing.then(() => undefined)
    },
  }

  async function end({ worker, idle, state, leave }: ReturnType<typeof open>): Promise<void> {
    worker.ref()
    Atomics.store(state, STOPPING, 1)
    worker.postMessage(STOP)
    // a thread that is ended while native code computes takes the process with it
    const isSpare = await within(PATIENCE_MS, idle)
    if (isSpare) await giveBack(url, leave())
    else await worker.terminate()
  }
}

/** What the promise resolves to; undefined where it takes longer. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const found = await Promise.race([
    promise,
    new Promise<undefined>(resolve => {
      timer = setTimeout(() => resolve(undefined), milliseconds)
    }),
  ])
  clearTimeout(timer)
  return found
}
