/** @file Files that a killed process left half written, in a run folder and those below it. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { removeLeftovers } from '../../io/atomic.ts'

/** Removes them as far as their process is gone; links to other folders are not followed. */
export async function removeLeftoversBelow(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const below = entries.filter(entry => entry.isDirectory()).map(({ name }) => join(folder, name))
  await Promise.all([removeLeftovers(folder), ...below.map(removeLeftoversBelow)])
}
