/** @file Runs work in parallel, with a limit. Imports nothing. */
/** Calls `work` for every item. After a failure no further call starts; rejects with the first once the running ones have ended. */
export async function inParallel<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  { atOnce = 16 }: { atOnce?: number } = {},
): Promise<void> {
  const queue = items.values()
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      if (failures.length > 0) return
      await work(item).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  if (failures.length > 0) throw failures[0]
}

/** The results of `work` for every item, in their order; fails as `inParallel`. */
export async function mapInParallel<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  await inParallel([...items.entries()], async ([index, item]) => {
    results[index] = await work(item, index)
  })
  return results
}
