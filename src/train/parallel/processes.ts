/**
 * @file The processes of a training: what process 0 decides the others follow, what one finds the others hear, and when one
 * ends all say which.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { InputError, TagmaskError } from '../../errors.ts'
import { setupCommand } from '../../io/package-root.ts'
import { textOf } from '../../io/printable.ts'
import { givenThreads } from '../../io/thread-count.ts'
import {
  CollectiveError,
  distributedBackends,
  type GroupOptions,
  ProcessGroup,
  setThreads,
  threads,
} from '../../torch/index.ts'
import type { ProcessPlace } from './environment.ts'

const POLL = { first: 5, longest: 250 } // ms between two looks for a value
const SIGNS = { every: 200, patience: 8_000, silent: 3_500, lost: 30_000 } // ms: how a process that ended is found
const CAUSE = 'cause'

/** Why the first process that failed did so. */
interface Cause {
  readonly rank: number
  readonly message: string
}

/** Another process has ended, or failed. */
export class ProcessEnded extends TagmaskError {
  override readonly name = 'ProcessEnded'
}

/** All processes make the same calls in the same order. */
export class Processes {
  readonly group: ProcessGroup
  readonly #localSize: number
  #values = 0

  constructor(group: ProcessGroup, { localSize = 1 }: Partial<Pick<ProcessPlace, 'localSize'>> = {}) {
    this.group = group
    this.#localSize = localSize
  }

  get rank(): number {
    return this.group.rank
  }

  get size(): number {
    return this.group.size
  }

  /** Process 0, which alone writes files and lines. */
  get leads(): boolean {
    return this.rank === 0
  }

  /** The processors of this machine, divided among its processes until the returned function is called; `given` threads stay. */
  divideThreads(given: number | null): () => void {
    const all = threads()
    if ((given ?? givenThreads()) !== undefined || this.#localSize === 1) return () => undefined
    setThreads(Math.max(1, Math.floor(all / this.#localSize)))
    return () => setThreads(all)
  }

  /** What process 0 makes, as JSON, in all. The others wait as long as it takes. */
  async share<T>(make: () => T | Promise<T>): Promise<T> {
    const key = `value/${this.#values++}`
    if (!this.leads) return JSON.parse(await this.#wait(key)) as T
    const value = await make()
    this.group.set(key, JSON.stringify(value))
    return value
  }

  /** What each process has, by its rank, in process 0; undefined in the others. */
  async gather<T>(own: T): Promise<T[] | undefined> {
    const key = `value/${this.#values++}`
    this.group.set(`${key}/${this.rank}`, JSON.stringify(own))
    if (!this.leads) return undefined
    const all: T[] = []
    for (let rank = 0; rank < this.size; rank++) all.push(JSON.parse(await this.#wait(`${key}/${rank}`)) as T)
    return all
  }

  async #wait(key: string): Promise<string> {
    for (let pause = POLL.first; ; pause = Math.min(POLL.longest, 2 * pause)) {
      const found = this.group.get(key)
      if (found !== undefined) return found
      if (this.group.get(CAUSE) !== undefined) throw new CollectiveError('another process has failed')
      if (this.group.silences().some(silence => silence > SIGNS.lost))
        throw new CollectiveError('another process has ended')
      await sleep(pause)
    }
  }

  /** The work, and an orderly end; after an error all processes end, and say which was the first. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      await this.#leave()
      return result
    } catch (error) {
      const shown = error instanceof CollectiveError ? await this.#explained(error) : error
      this.#tellCause(shown)
      this.group.disconnect()
      await this.#leave()
      throw shown
    }
  }

  #tellCause(error: unknown): void {
    try {
      if (this.group.get(CAUSE) === undefined)
        this.group.set(CAUSE, JSON.stringify({ rank: this.rank, message: textOf(error) } satisfies Cause))
    } catch {
      // nobody is there to be told
    }
  }

  /** Process 0 holds what the others say to each other: it goes last. */
  async #leave(): Promise<void> {
    try {
      this.group.set(`left/${this.rank}`, '')
      const ends = Date.now() + SIGNS.patience
      while (this.leads && Date.now() < ends && this.#others().some(rank => this.#isHere(rank)))
        await sleep(20)
    } catch {
      // the others are gone
    }
    await this.group.leave()
  }

  #isHere(rank: number): boolean {
    return this.group.get(`left/${rank}`) === undefined && this.group.silences()[rank]! < SIGNS.silent
  }

  #others(): number[] {
    return Array.from({ length: this.size }, (_, rank) => rank).filter(rank => rank !== this.rank)
  }

  /** Which process ended, and why where it said so. */
  async #explained(error: CollectiveError): Promise<TagmaskError> {
    const ends = Date.now() + SIGNS.patience
    const resume = 'all have stopped; the same command resumes from the last checkpoint'
    try {
      while (Date.now() < ends) {
        const cause = this.group.get(CAUSE)
        if (cause !== undefined) {
          const { rank, message } = JSON.parse(cause) as Cause
          const text = message.startsWith('process ')
            ? message
            : `process ${rank} of ${this.size}: ${message}`
          return new ProcessEnded(text, { cause: error })
        }
        const silences = this.group.silences()
        const gone = this.#others().find(rank => silences[rank]! > SIGNS.silent)
        if (gone !== undefined)
          return new ProcessEnded(`process ${gone} of ${this.size} has ended without a word: ${resume}`, {
            cause: error,
          })
        await sleep(SIGNS.every)
      }
    } catch {
      return new ProcessEnded(`process 0 of ${this.size} has ended without a word: ${resume}`, {
        cause: error,
      })
    }
    return new ProcessEnded(`the connection between the processes failed (${error.message}): ${resume}`, {
      cause: error,
    })
  }
}

/** Waits until all processes are there. Throws InputError when they do not come, and where the addon cannot. */
export async function joinProcesses(
  { rank, size, localSize, host, port }: ProcessPlace,
  options: Pick<GroupOptions, 'joinSeconds' | 'silenceSeconds'> = {},
): Promise<Processes> {
  refuseWithoutBackend()
  try {
    return new Processes(await ProcessGroup.join({ rank, size, host, port, ...options }), { localSize })
  } catch (cause) {
    if (!(cause instanceof CollectiveError)) throw cause
    throw new InputError(
      `${host}:${port}`,
      `process ${rank} of ${size} finds no group here: ${cause.message}`,
      {
        expected:
          'all processes must be started, with the same MASTER_ADDR and MASTER_PORT, which process 0 can listen on',
        cause,
      },
    )
  }
}

export function refuseWithoutBackend(): void {
  if (distributedBackends().length > 0) return
  throw new InputError('WORLD_SIZE', 'the libtorch addon was built without c10d', {
    expected: `install libgloo-dev (sudo apt-get install libgloo-dev) and run: ${setupCommand()}`,
  })
}
