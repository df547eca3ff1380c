/**
 * @file The batch of a step that several processes share: sums and means over all of it, for losses that are not a mean over
 * images. With one process each function returns what it is given.
 */
import { differentiable, noGrad } from './autograd.ts'
import type { ProcessGroup } from './distributed.ts'
import { scope } from './scope.ts'
import type { Tensor } from './tensor.ts'

/** The images of this process in the batch, and of all. */
export interface BatchShare {
  readonly group: ProcessGroup
  readonly own: number
  readonly total: number
}

let current: BatchShare | undefined

/** Runs a step's losses on this process's share. All processes must ask for the same sums in the same order. */
export function onShare<T>(share: BatchShare, body: () => T): T {
  const before = current
  current = share
  try {
    return body()
  } finally {
    current = before
  }
}

/** Sums over the whole batch of numbers that each process has of its images. */
export function batchSums(values: readonly number[]): number[] {
  if (current === undefined) return [...values]
  return current.group.sumsNow(values)
}

/** Mean over the whole batch of a mean over this process's images, such as of each pixel; not recorded. */
export function batchMean(own: Tensor): Tensor {
  if (current === undefined) return own
  const { group, own: images, total } = current
  return noGrad(() =>
    scope(() => {
      const mean = own.detach().mul(images / total)
      group.sumNow(mean)
      return mean
    }),
  )
}

/** Whether other processes share the batch now. */
export function isShared(): boolean {
  return current !== undefined
}

/** Sum over the processes of what each has of its images; differentiated in all of them. */
export function batchSum(own: Tensor): Tensor {
  if (current === undefined) return own
  const { group, own: images, total } = current
  const weight = images / total // of this process's losses, by which its gradients will be multiplied
  const summed = (one: Tensor): Tensor => {
    const sum = one.clone()
    group.sumNow(sum)
    return sum
  }
  return differentiable(
    'sum over processes',
    [own],
    () => ({ outputs: [summed(own.detach())], saved: [] }),
    ([gradient]) => [summed(gradient!.mul(weight)).div(weight)],
  )[0]!
}

/**
 * The factor of a loss that is a sum over the batch's images: losses of the processes are averaged by their numbers of
 * images, and this takes the averaging back. 1 with one process.
 */
export function sumFactor(): number {
  return current === undefined ? 1 : current.total / current.own
}
