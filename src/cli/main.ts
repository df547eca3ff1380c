/** @file Entry of bin/tagmask. */
import { cwd } from 'node:process'
import { run, type StricliProcess } from '@stricli/core'
import { createLog } from '../train/log.ts'
import { app } from './app.ts'
import type { CliContext } from './context.ts'
import { abortOnInterrupt, type SignalSource } from './interrupt.ts'
import { EXIT, finalExitCode } from './messages.ts'

export interface CliOptions {
  readonly process: StricliProcess & SignalSource
}

/** Runs one command line and returns its exit code; the codes are in messages.ts. */
export async function runCli(args: readonly string[], { process }: CliOptions): Promise<number> {
  if (!hasWorkingFolder()) {
    process.stderr.write('error: the current folder no longer exists; change to another one (cd)\n')
    return EXIT.input
  }
  const { stdout, stderr, env = {} } = process
  const log = createLog({ stream: stdout, env })
  let current = log
  const { signal, dispose } = abortOnInterrupt(process, { tell: text => current.tell(text) })
  const context: CliContext = {
    process: { stdout, stderr, env } as StricliProcess,
    log,
    openLog({ quiet = false, json = false }) {
      current = createLog({ stream: stdout, env, quiet, format: json ? 'json' : 'text' })
      return current
    },
    signal,
  }
  try {
    await run(app, args, context)
    return finalExitCode(context.process.exitCode)
  } finally {
    dispose()
  }
}

/** False when the folder was removed: relative paths are invalid then. */
function hasWorkingFolder(): boolean {
  try {
    cwd()
    return true
  } catch {
    return false
  }
}
