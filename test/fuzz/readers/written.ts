/** @file Seeds as our own writers write them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The bytes of one file that `write` makes. */
export async function written(name: string, write: (path: string) => Promise<unknown>): Promise<Buffer[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tagmask-seed-'))
  try {
    await write(join(folder, name))
    return [await readFile(join(folder, name))]
  } finally {
    await rm(folder, { recursive: true })
  }
}
