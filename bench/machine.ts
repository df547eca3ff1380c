/** @file The machine and the commit that a measurement is of. */
import { execFileSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { describe, threads } from '../src/torch/index.ts'

/** Machines of one kind have all of it equal; measurements of other kinds are not compared. */
export interface Machine {
  readonly processor: string
  readonly cores: number
  /** Of libtorch. */
  readonly threads: number
  readonly libtorch: string
  /** MKL, or the kernels of OpenBLAS. */
  readonly blas: string
}

/** This machine, with the libtorch that is loaded. */
export function thisMachine(): Machine {
  const { version, mkl, openblas, openblasCore } = describe()
  return {
    processor: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
    threads: threads(),
    libtorch: version,
    blas: mkl ? 'MKL' : (openblasCore ?? openblas ?? 'none'),
  }
}

export function machineLine({ processor, cores, threads, libtorch, blas }: Machine): string {
  return `${processor}, ${cores} cores, ${threads} threads, libtorch ${libtorch}, ${blas}`
}

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
