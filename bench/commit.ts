/** @file The commit that a measurement is of. Imports node only. */
import { execFileSync } from 'node:child_process'
import { realpathSync } from 'node:fs'

export interface Commit {
  /** Twelve digits. */
  readonly commit: string
  /** Whether files differ from it, beside `but`. */
  readonly dirty: boolean
}

/** The commit of the git work tree whose top `root` is; undefined for other folders, such as an installed package. */
export function commitOf(root: string, { but }: { but: string }): Commit | undefined {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', root, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  try {
    if (realpathSync(git('rev-parse', '--show-toplevel')) !== realpathSync(root)) return undefined
    const commit = git('rev-parse', '--short=12', 'HEAD')
    return { commit, dirty: git('status', '--porcelain', '--', '.', `:!${but}`) !== '' }
  } catch {
    return undefined
  }
}
