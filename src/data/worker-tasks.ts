/** @file A worker thread's side of a pool: it serves one job after another, and answers the tasks of each in order. */
import { getHeapStatistics } from 'node:v8'
import { parentPort, type Transferable } from 'node:worker_threads'
import { TagmaskError } from '../errors.ts'
import { monotonic } from '../io/profile.ts'

/** How a job's tasks are answered; `transfer` names the buffers to pass uncopied. */
export interface TaskHandler<Task, Reply> {
  /** Calls `atPart` before each part of the task: errors name that part, and a thread that is to stop ends there. */
  readonly handle: (task: Task, atPart: (part: number) => void) => Promise<Reply>
  readonly transfer?: (reply: Reply) => Transferable[]
}

/** What a pool begins with. */
export interface JobMessage {
  readonly job: unknown
  /** Two int32 shared by both sides, also while the thread computes. */
  readonly shared: SharedArrayBuffer
}

export interface TaskMessage<Task> {
  readonly id: number
  readonly task: Task
}

/** No more tasks of this job: be idle after the current one. */
export const STOP = 'stop'

export type Answer<Reply> =
  | { readonly id: number; readonly reply: Reply; readonly start: number; readonly end: number }
  | { readonly id: number; readonly failure: string; readonly stack: string | undefined }
  | { readonly idle: true; readonly bytes: number }

/** In `shared`: the thread's current part, written by it; 1 when it is to stop, written by the pool. */
export const [PART, STOPPING] = [0, 1]

/** Serves jobs until the thread is ended. */
export function serveJobs<Job, Task, Reply>(open: (job: Job) => TaskHandler<Task, Reply>): void {
  let current: { readonly handler: TaskHandler<Task, Reply>; readonly state: Int32Array } | undefined
  let last = Promise.resolve()
  parentPort?.on('message', (message: JobMessage | TaskMessage<Task> | typeof STOP) => {
    last = last.then(async () => {
      if (message === STOP) {
        current = undefined
        // what it kept in memory, such as images: an idle thread collects nothing
        const bytes = getHeapStatistics().external_memory
        parentPort?.postMessage({ idle: true, bytes } satisfies Answer<Reply>)
      } else if ('job' in message)
        current = { handler: open(message.job as Job), state: new Int32Array(message.shared) }
      else await answer(message, current!)
    })
  })
}

async function answer<Task, Reply>(
  { id, task }: TaskMessage<Task>,
  { handler, state }: { readonly handler: TaskHandler<Task, Reply>; readonly state: Int32Array },
): Promise<void> {
  const atPart = (part: number): void => {
    if (Atomics.load(state, STOPPING) === 1) throw new TagmaskError('the pool is closed')
    Atomics.store(state, PART, part)
  }
  try {
    atPart(0)
    const start = monotonic()
    const reply = await handler.handle(task, atPart)
    const message = { id, reply, start, end: monotonic() } satisfies Answer<Reply>
    parentPort?.postMessage(message, handler.transfer?.(reply) ?? [])
  } catch (error) {
    const [failure, stack] =
      error instanceof Error ? [error.message, error.stack] : [String(error), undefined]
    parentPort?.postMessage({ id, failure, stack } satisfies Answer<Reply>)
  }
}
