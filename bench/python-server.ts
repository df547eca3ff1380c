/** @file A Python process that runs a peer, a step for each line: kept warm between its rounds, stopped while it waits. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { packageRoot } from '../src/io/package-root.ts'
import { describe, threads } from '../src/torch/index.ts'
import type { PeerRun } from './row.ts'

export interface PythonServer {
  readonly run: () => Promise<PeerRun>
  /** Writes its last result as raw values. */
  readonly save: (path: string) => Promise<void>
  readonly close: () => void
}

export interface PythonOptions {
  /** The first python that can import what the script needs. */
  readonly python: string
  readonly args: readonly string[]
  /** Let PyTorch pick its kernels; else it has ours. */
  readonly peerDefaults?: boolean
  readonly threads?: number
}

const OPENMP_BLAS = '/usr/lib/x86_64-linux-gnu/openblas-openmp'

/** A python of `variable` (TAGMASK_TORCH_PYTHON), else the system's or PATH's, that can import all of `modules`. */
export function findPython(modules: string, variable = 'TAGMASK_TORCH_PYTHON'): string | undefined {
  const given = process.env[variable]
  const candidates = given === undefined ? ['/usr/bin/python3', 'python3'] : [given]
  return candidates.find(python => spawnSync(python, ['-c', `import ${modules}`]).status === 0)
}

/** The version of a module. */
export function pythonVersion(python: string, module: string): string {
  const asked = spawnSync(python, ['-c', `import ${module}; print(${module}.__version__)`], {
    encoding: 'utf8',
  })
  return asked.stdout.trim().replace(/\+.*/, '')
}

/** Starts bench/peers/SCRIPT under serve.py. Rejects where it ends before it is ready; its own message is on stderr. */
export async function startPython(
  script: string,
  { python, args, peerDefaults = false, threads: count = threads() }: PythonOptions,
): Promise<PythonServer> {
  const peers = join(packageRoot(), 'bench/peers')
  const program = [join(peers, 'serve.py'), join(peers, script), String(count), ...args]
  const server = spawn(python, program, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: environment(peerDefaults),
  })
  const end = (): void => void server.kill('SIGKILL') // also where it is stopped
  process.once('exit', end)
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`bench/peers/${script} has ended: its message is above`)
    return value
  }
  const ask = async (line: string): Promise<string> => {
    server.kill('SIGCONT')
    server.stdin.write(`${line}\n`)
    const answer = await next()
    server.kill('SIGSTOP') // its threads spin for a while after their work, on cores that the other side is timed on
    return answer
  }
  await next()
  server.kill('SIGSTOP')
  return {
    async run() {
      const [seconds, peak, before] = (await ask('step')).split(' ').map(Number)
      return { seconds: seconds!, peak: peak!, before: before! }
    },
    async save(path) {
      await ask(`save ${path}`)
    },
    close() {
      process.off('exit', end)
      end()
    },
  }
}

function environment(peerDefaults: boolean): NodeJS.ProcessEnv {
  const blas = existsSync(OPENMP_BLAS) ? { LD_LIBRARY_PATH: OPENMP_BLAS } : {}
  const { OPENBLAS_CORETYPE: _, ...env } = process.env
  const { openblasCore } = describe()
  if (peerDefaults || openblasCore === undefined) return { ...env, ...blas }
  return { ...env, ...blas, OPENBLAS_CORETYPE: openblasCore }
}
