/** @file Entry of bin/tagmask. */
import { cwd } from 'node:process'
import { run, type StricliProcess } from '@stricli/core'
import { createLog, type Log } from '../train/log.ts'
import { app } from './app.ts'
import { abortOnInterrupt, type SignalSource } from './interrupt.ts'
import { EXIT, finalExitCode } from './messages.ts'

export interface CliOptions {
  readonly process: StricliProcess & SignalSource
  readonly log?: Log
}

/** Runs one command line and returns its exit code; the codes are in messages.ts. */
export async function runCli(
  args: readonly string[],
  { process, log = createLog() }: CliOptions,
): Promise<number> {
  if (!hasWorkingFolder()) {
    process.stderr.write('error: the current folder no longer exists; change to another one (cd)\n')
    return EXIT.input
  }
  const { signal, dispose } = abortOnInterrupt(process, { tell: text => log.info(text) })
  const context = {
    process: { stdout: process.stdout, stderr: process.stderr, env: process.env ?? {} } as StricliProcess,
    log,
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
