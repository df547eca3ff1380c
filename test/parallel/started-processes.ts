/** @file Real processes of one program of this folder, with the variables of torchrun: for tests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { packageRoot } from '../../src/io/package-root.ts'
import { distributedBackends } from '../../src/torch/index.ts'
import { freePort } from '../../src/train/parallel/launch.ts'

/** Why tests of several processes are skipped; undefined where they run. */
export const NOT_BUILT =
  distributedBackends().length > 0 ? undefined : 'the addon was built without c10d (libgloo-dev is missing)'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** What it has written so far. */
  said(): string
}

/** A process for each rank; `args` of Node. */
export async function startProcesses(
  size: number,
  args: readonly string[],
  { env = {} }: { env?: Readonly<Record<string, string>> } = {},
): Promise<Started[]> {
  const port = await freePort()
  return Array.from({ length: size }, (_, rank) => {
    const own = {
      RANK: String(rank),
      LOCAL_RANK: String(rank),
      WORLD_SIZE: String(size),
      MASTER_ADDR: '127.0.0.1',
      MASTER_PORT: String(port),
      TAGMASK_THREADS: '1',
    }
    return started(spawn(process.execPath, args, { env: { ...process.env, ...own, ...env } }))
  })
}

export function started(child: ChildProcess): Started {
  let out = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, out }) as Ended)
  return { child, ended, said: () => out }
}

/** The built command line. */
export const TAGMASK = join(packageRoot(), 'bin/tagmask')
