/** @file Releases threads and memory at the end of work, however it ends. Imports nothing. */
/** Registers a call for the end. */
export type Later = (undo: () => unknown) => void

/** Calls `work`, then everything that it registered, the last first. Throws the error of `work`, else theirs. */
export async function withCleanUp<T>(work: (later: Later) => Promise<T>): Promise<T> {
  const noted: (() => unknown)[] = []
  const [outcome] = await Promise.allSettled([work(undo => noted.push(undo))])
  const undone: PromiseSettledResult<unknown>[] = []
  for (const undo of noted.reverse()) undone.push(...(await Promise.allSettled([settled(undo)])))
  for (const one of [outcome, ...undone]) if (one.status === 'rejected') throw one.reason
  return (outcome as PromiseFulfilledResult<Awaited<T>>).value
}

async function settled(undo: () => unknown): Promise<void> {
  await undo()
}
