/** @file Worker threads that answer tasks; when one stops, everything that waits fails with a clear error. */
import { parentPort, type Transferable, Worker } from 'node:worker_threads'
import { InputError, TagmaskError } from '../errors.ts'
import { checkThreads } from '../io/thread-count.ts'

/** `run` gives a task to one worker (0 to size - 1), which answers its tasks in order. */
export interface WorkerPool<Task, Reply> {
  readonly size: number
  run(worker: number, task: Task): Promise<Reply>
  close(): Promise<void>
}

interface Request<Task> {
  readonly id: number
  readonly task: Task
}

type Answer<Reply> =
  | { readonly id: number; readonly reply: Reply }
  | { readonly id: number; readonly failure: string }

interface Waiting<Reply> {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

/** Starts `size` threads of a built worker file; they do not keep the process alive while they are idle. */
export function openWorkerPool<Task, Reply>(
  url: URL,
  { size, workerData }: { size: number; workerData: unknown },
): WorkerPool<Task, Reply> {
  if (!Number.isInteger(size) || size < 1)
    throw new InputError('workers', `is ${size}`, { expected: 'at least one loader thread is needed' })
  checkThreads(size, { source: 'data.workers' })
  let stopped: Error | undefined
  let ids = 0
  const members = Array.from({ length: size }, () => {
    const worker = new Worker(url, { workerData, execArgv: [] })
    const waiting = new Map<number, Waiting<Reply>>()
    worker.on('message', (answer: Answer<Reply>) => {
      const asked = waiting.get(answer.id)
      waiting.delete(answer.id)
      if (waiting.size === 0) worker.unref()
      if ('reply' in answer) asked?.resolve(answer.reply)
      else asked?.reject(new TagmaskError(`a loader thread failed: ${answer.failure}`))
    })
    worker.on('error', error => stop(`a loader thread stopped: ${error.message}`, error))
    worker.on('exit', code => stop(`a loader thread ended with code ${code}`))
    worker.unref()
    return { worker, waiting }
  })

  function stop(message: string, cause?: unknown): void {
    stopped ??= new TagmaskError(message, { cause })
    for (const { waiting } of members) {
      for (const { reject } of waiting.values()) reject(stopped)
      waiting.clear()
    }
  }

  return {
    size,
    run(index, task) {
      const { worker, waiting } = members[index]!
      if (stopped !== undefined) return Promise.reject(stopped)
      const id = ids++
      return new Promise<Reply>((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        worker.ref()
        worker.postMessage({ id, task } satisfies Request<Task>)
      })
    },
    async close() {
      stop('the loader was closed')
      await Promise.all(members.map(({ worker }) => worker.terminate()))
    },
  }
}

/** The worker's side: answers tasks one after another; `transfer` names the buffers to hand over uncopied. */
export function answerTasks<Task, Reply>(
  handle: (task: Task) => Promise<Reply>,
  transfer: (reply: Reply) => Transferable[] = () => [],
): void {
  let last = Promise.resolve()
  parentPort?.on('message', ({ id, task }: Request<Task>) => {
    last = last.then(async () => {
      try {
        const reply = await handle(task)
        parentPort?.postMessage({ id, reply } satisfies Answer<Reply>, transfer(reply))
      } catch (error) {
        const failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
        parentPort?.postMessage({ id, failure } satisfies Answer<Reply>)
      }
    })
  })
}
