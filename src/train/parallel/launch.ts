/** @file Several processes of one command on this machine, as torchrun starts them: ended together, the first shown. Imports no torch. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { InputError } from '../../errors.ts'

export interface LaunchOptions {
  /** The program and its arguments, of each process. */
  readonly command: readonly [program: string, ...args: string[]]
  readonly processes: number
  /** Compute threads of each; default: while they train the processors divided among them, else all. */
  readonly threads?: number | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Asks all of them to stop. */
  readonly signal: AbortSignal
  /** Receives what process 0 cannot say itself. */
  readonly tell: (text: string) => void
  /** How long the others may take to end by themselves once one has failed, ms. */
  readonly grace?: number
}

/** How a process ended. */
interface End {
  readonly rank: number
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Ended by us, after another. */
  readonly stopped: boolean
}

const INTERRUPTED = 130
const KEPT = 4000 // characters of what a process has written last

/** Starts them, waits for all, and returns the exit code. Standard output is that of process 0. */
export async function launchProcesses({
  command: [program, ...args],
  processes,
  threads,
  env,
  signal,
  tell,
  grace = 12_000,
}: LaunchOptions): Promise<number> {
  const shared = {
    ...env,
    WORLD_SIZE: String(processes),
    MASTER_ADDR: '127.0.0.1',
    MASTER_PORT: String(await freePort()),
    LOCAL_WORLD_SIZE: String(processes),
    ...(threads !== undefined && { TAGMASK_THREADS: String(threads) }),
  }
  const said: string[] = Array.from({ length: processes }, () => '')
  const children = said.map((_, rank) => {
    const own = { ...shared, RANK: String(rank), LOCAL_RANK: String(rank) }
    const child = spawn(program, args, {
      env: own,
      stdio: rank === 0 ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said[rank] = `${said[rank]}${text}`.slice(-KEPT)
      })
    return child
  })
  const stop = (): void => {
    for (const child of children) child.kill('SIGHUP') // never a second Ctrl-C: the terminal may have sent the first
  }
  signal.addEventListener('abort', stop)
  try {
    const ends = await allEnds(children, grace)
    return concluded(ends, { said, tell })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** In the order in which they ended. Once one has failed the others get `grace` ms, then are stopped, then killed. */
async function allEnds(children: readonly ChildProcess[], grace: number): Promise<End[]> {
  const stopped = new Set<ChildProcess>()
  const timers: NodeJS.Timeout[] = []
  const endOthers = (signal: NodeJS.Signals): void => {
    for (const child of children)
      if (child.exitCode === null && child.signalCode === null) {
        stopped.add(child)
        child.kill(signal)
      }
  }
  const ends: End[] = []
  await Promise.all(
    children.map(async (child, rank) => {
      const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
      ends.push({ rank, code, signal, stopped: stopped.has(child) })
      const failed = code !== 0 && code !== INTERRUPTED
      if (!failed || timers.length > 0) return
      timers.push(
        setTimeout(() => endOthers('SIGTERM'), grace),
        setTimeout(() => endOthers('SIGKILL'), 2 * grace),
      )
    }),
  )
  for (const timer of timers) clearTimeout(timer)
  return ends
}

/** The exit code; says which process failed where process 0 could not. */
function concluded(
  ends: readonly End[],
  { said, tell }: { said: readonly string[]; tell: (text: string) => void },
): number {
  const leader = ends.find(({ rank }) => rank === 0)!
  const failed = ends.filter(({ code, stopped }) => code !== 0 && code !== INTERRUPTED && !stopped)
  const killed = failed.find(({ signal }) => signal !== null)
  const resume = 'the others were stopped; the same command resumes from the last checkpoint'
  if (killed !== undefined)
    tell(`error: process ${killed.rank} of ${ends.length} was ended by ${killed.signal}; ${resume}`)
  else if (failed.length > 0 && !failed.includes(leader)) {
    const { rank, code } = failed[0]!
    for (const line of said[rank]!.trim().split('\n')) tell(`process ${rank}: ${line}`)
    tell(`error: process ${rank} of ${ends.length} ended with code ${code}; ${resume}`)
  }
  const first = failed.includes(leader) ? leader : failed[0]
  if (first !== undefined) return first.code ?? 1
  return ends.some(({ code }) => code === INTERRUPTED) ? INTERRUPTED : (leader.code ?? 1)
}

/** A port of this machine that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string')
    throw new InputError('launch', 'found no free port', { expected: 'a machine with a loopback network' })
  return address.port
}
