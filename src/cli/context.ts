/** @file The process as commands see it: streams, environment, exit code. Nothing else in cli/ uses `process`. */
import type { CommandContext, StricliProcess } from '@stricli/core'
import type { Log } from '../train/log.ts'

/** Context of every command. */
export interface CliContext extends CommandContext {
  readonly process: StricliProcess
  readonly log: Log
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal
}
