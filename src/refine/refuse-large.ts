/** @file What would not fit into memory is refused before anything is allocated. Imports errors and io. */
import { InputError } from '../errors.ts'
import { formatBytes, memoryBudget } from '../io/available-memory.ts'

const NEGLIGIBLE = 256e6 // below, the system is not queried

/** Throws InputError where `what` of `name` needs more bytes than there are. */
export function refuseLarge(
  needed: number,
  { name, what }: { name: string; what: string },
  { budget = memoryBudget }: { budget?: () => number } = {},
): void {
  if (needed < NEGLIGIBLE) return
  const there = budget()
  if (needed <= there) return
  throw new InputError(name, `${what} needs about ${formatBytes(needed)}`, {
    field: 'image',
    expected: `${formatBytes(there)} of memory may be used; give a smaller image`,
  })
}
