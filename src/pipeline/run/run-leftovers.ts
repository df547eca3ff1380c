/** @file Removes half-written files of killed processes in a run folder and below it. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { removeLeftovers } from '../../io/atomic.ts'

/** Removes those whose process has ended; links to other folders are not followed. */
export async function removeLeftoversBelow(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const below = entries.filter(entry => entry.isDirectory()).map(({ name }) => join(folder, name))
  await Promise.all([removeLeftovers(folder), ...below.map(removeLeftoversBelow)])
}
