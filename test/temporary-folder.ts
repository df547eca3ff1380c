/** @file Folders for one test: made from the contents of their files, removed when the test is over. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Contents by path; files given by path alone hold their path. */
export type Files = Readonly<Record<string, string | Uint8Array>> | readonly string[]

export async function temporaryFolder(files: Files): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'tagmask-test-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const pairs: readonly (readonly [string, string | Uint8Array])[] = isList(files)
    ? files.map(name => [name, name])
    : Object.entries(files)
  for (const [name, content] of pairs) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), content)
  }
  return root
}

function isList(files: Files): files is readonly string[] {
  return Array.isArray(files)
}
