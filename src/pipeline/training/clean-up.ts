/** @file Work that opens threads and memory as it goes, all given back at its end whichever way it ends. Imports nothing. */
/** Notes what is to be done at the end. */
export type Later = (undo: () => unknown) => void

/** Calls `work`, and at its end everything that it noted, the last first. Throws what `work` threw, else what they did. */
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
