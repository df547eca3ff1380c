/** @file Copies the files of another run with the same inputs instead of recomputing them. Imports no torch. */
import { copyFile, link, mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Brings a file or folder of another run here, by hard links where the disk supports them.
 * Nothing is shared by this: every file of a run is replaced whole when it changes, never written into.
 */
export async function takeOver(from: string, to: string): Promise<void> {
  const found = await stat(from).catch(() => undefined)
  if (found === undefined) return
  if (found.isDirectory()) {
    await mkdir(to, { recursive: true })
    for (const name of await readdir(from)) await takeOver(join(from, name), join(to, name))
    return
  }
  await mkdir(dirname(to), { recursive: true })
  await link(from, to).catch(() => copyFile(from, to))
}
