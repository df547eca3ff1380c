/** @file Reads what comes next while the last is used, in order. Imports nothing. */

/** `read(item)` of every item in their order, `ahead` of them at once. Ends the ones begun when the reader stops. */
export async function* readAhead<T, R>(
  items: Iterable<T>,
  read: (item: T) => Promise<R>,
  { ahead = 4 }: { ahead?: number } = {},
): AsyncGenerator<R> {
  const begun: Promise<R>[] = []
  try {
    for (const item of items) {
      const next = read(item)
      next.catch(() => undefined) // seen when its turn comes
      begun.push(next)
      if (begun.length > ahead) yield await begun.shift()!
    }
    while (begun.length > 0) yield await begun.shift()!
  } finally {
    await Promise.allSettled(begun)
  }
}
