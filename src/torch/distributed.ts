/** @file Groups of processes on libtorch's own engine (c10d): tensors sent and summed, gradients averaged while backward runs. */
import { TagmaskError } from '../errors.ts'
import { textOf } from '../io/printable.ts'
import { noGrad } from './autograd.ts'
import { type Backend, type GroupHandle, native, type ReducerHandle } from './native.ts'
import * as ops from './ops.gen.ts'
import { scope } from './scope.ts'
import { fromData, type Tensor } from './tensor.ts'

/** What this build of the addon has; none where libtorch's headers lacked it. */
export function distributedBackends(): readonly Backend[] {
  return native.distributedBackends()
}

/** A process of the group has ended or does not answer. */
export class CollectiveError extends TagmaskError {
  override readonly name = 'CollectiveError'
}

export interface GroupOptions {
  readonly rank: number
  readonly size: number
  /** Where process 0 listens. */
  readonly host: string
  readonly port: number
  /** How long all processes may take to come. */
  readonly joinSeconds?: number
  /** A process without any sign of life for so long is lost. One that ends is noticed at once. */
  readonly silenceSeconds?: number
}

/**
 * Processes that compute together. All of them make the same calls in the same order. Calls throw CollectiveError when one
 * is gone.
 */
export class ProcessGroup {
  readonly rank: number
  readonly size: number
  readonly #handle: GroupHandle

  private constructor(handle: GroupHandle, { rank, size }: Pick<GroupOptions, 'rank' | 'size'>) {
    this.#handle = handle
    this.rank = rank
    this.size = size
  }

  /** Waits until all are there. Throws CollectiveError when they do not come, or the address cannot be used. */
  static async join({
    rank,
    size,
    host,
    port,
    joinSeconds = 300,
    silenceSeconds = 60,
  }: GroupOptions): Promise<ProcessGroup> {
    const [joinMs, silenceMs] = [1000 * joinSeconds, 1000 * silenceSeconds]
    const options = { rank, size, host, port, joinMs, silenceMs }
    return new ProcessGroup(await collective(native.joinGroup(options)), { rank, size })
  }

  /** Process `root`'s values in all. */
  async broadcast(tensors: readonly Tensor[], { root = 0 } = {}): Promise<void> {
    await collective(
      native.broadcast(
        this.#handle,
        tensors.map(({ handle }) => handle),
        root,
      ),
    )
  }

  /** Sums or means over the processes, in place. */
  async allReduce(tensors: readonly Tensor[], { op = 'sum' }: { op?: 'sum' | 'mean' } = {}): Promise<void> {
    await collective(
      native.allReduce(
        this.#handle,
        tensors.map(({ handle }) => handle),
      ),
    )
    if (op === 'sum') return
    noGrad(() =>
      scope(() => {
        for (const one of tensors) ops.divScalar_(one, this.size)
      }),
    )
  }

  /** As allReduce of one tensor with sums, but done when it returns: for losses in the midst of a step. */
  sumNow(one: Tensor): void {
    try {
      native.allReduceNow(this.#handle, one.handle)
    } catch (error) {
      throw collectiveError(error)
    }
  }

  /** Sums of numbers over the processes, in float64. */
  async sums(values: readonly number[]): Promise<number[]> {
    const all = doubles(values)
    try {
      await this.allReduce([all])
      return numbersOf(all)
    } finally {
      all.dispose()
    }
  }

  /** As `sums`, done when it returns. */
  sumsNow(values: readonly number[]): number[] {
    return scope(() => {
      const all = doubles(values)
      this.sumNow(all)
      return numbersOf(all)
    })
  }

  /** Returns when all have called it. */
  async barrier(): Promise<void> {
    await this.sums([0])
  }

  /** A text for the others; a key is set once. */
  set(key: string, text: string): void {
    try {
      native.storeSet(this.#handle, key, text)
    } catch (error) {
      throw collectiveError(error)
    }
  }

  /** Undefined where none has set it yet. */
  get(key: string): string | undefined {
    try {
      return native.storeGet(this.#handle, key)
    } catch (error) {
      throw collectiveError(error)
    }
  }

  /** Milliseconds since the last sign of life of each process. */
  silences(): readonly number[] {
    return native.silences(this.#handle)
  }

  /** Averages the gradients of `leaves`, in the order in which backward reaches them, in buckets of about so many bytes. */
  reducer(leaves: readonly Tensor[], { bucketBytes = 25e6 } = {}): GradientReducer {
    return new GradientReducer(
      native.openReducer(
        this.#handle,
        leaves.map(({ handle }) => handle),
        bucketBytes,
      ),
    )
  }

  /** Makes the calls of others fail that wait for this process. Texts and signs of life go on. */
  disconnect(): void {
    native.disconnectGroup(this.#handle)
  }

  /** Ends the membership; of process 0 also what the others say to each other. */
  leave(): Promise<void> {
    return native.leaveGroup(this.#handle)
  }
}

/** Gradients of a step over all processes: begin, backward, finish. */
export class GradientReducer {
  readonly #handle: ReducerHandle

  constructor(handle: ReducerHandle) {
    this.#handle = handle
  }

  /** `weight`: of this process's gradients in the sum over all. */
  begin(weight: number): void {
    native.beginReducer(this.#handle, weight)
  }

  /** Every gradient is then the weighted sum over all processes. Returns how many buckets went while backward ran. */
  finish(): Promise<number> {
    return collective(native.finishReducer(this.#handle))
  }

  close(): void {
    native.closeReducer(this.#handle)
  }
}

function doubles(values: readonly number[]): Tensor {
  const data = new Uint8Array(Float64Array.from(values).buffer)
  return fromData({ dtype: 'float64', shape: [values.length], data })
}

function numbersOf(all: Tensor): number[] {
  return [...new Float64Array(all.toData().data.slice().buffer)]
}

async function collective<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw collectiveError(error)
  }
}

/** libtorch's text begins with a place in its sources. */
function collectiveError(cause: unknown): CollectiveError {
  return new CollectiveError(
    textOf(cause)
      .replace(/^\[[^\]]*\]\s*/, '')
      .split('\n')[0]!,
    { cause },
  )
}
