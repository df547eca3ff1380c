/** @file The command line in this process, with all that it writes: for tests. */
import { EventEmitter } from 'node:events'
import { runCli } from '../src/cli/main.ts'

export interface Written {
  readonly code: number
  readonly out: string
  readonly err: string
  /** Signal handlers that are left. */
  readonly listeners: number
}

/** Runs `tagmask ARGS`, without a terminal. */
export async function tagmask(...args: string[]): Promise<Written> {
  const written = { out: '', err: '' }
  const write = (to: 'out' | 'err') => (text: string) => {
    written[to] += text
  }
  const events = new EventEmitter()
  const code = await runCli(args, {
    process: {
      stdout: { write: write('out') },
      stderr: { write: write('err') },
      env: {},
      on: (signal, listener) => events.on(signal, listener),
      off: (signal, listener) => events.off(signal, listener),
      exit: () => {},
    },
  })
  return { code, ...written, listeners: events.listenerCount('SIGINT') }
}
