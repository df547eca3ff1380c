/** @file Entry of bin/tagmask. */
import { run, type StricliProcess } from '@stricli/core'
import { createLog, type Log } from '../train/log.ts'
import { app } from './app.ts'
import { abortOnInterrupt, type SignalSource } from './interrupt.ts'
import { finalExitCode } from './messages.ts'

export interface CliOptions {
  readonly process: StricliProcess & SignalSource
  readonly log?: Log
}

/** Runs one command line and returns its exit code; the meaning of the codes is in messages.ts. */
export async function runCli(
  args: readonly string[],
  { process, log = createLog() }: CliOptions,
): Promise<number> {
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
