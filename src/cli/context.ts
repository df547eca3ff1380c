/** @file The process as commands see it: streams, environment, exit code. Nothing else in cli/ uses `process`. */
import type { CommandContext, StricliProcess } from '@stricli/core'
import type { Log } from '../train/log.ts'
import type { OutputFlags } from './run-flags.ts'

/** Context of every command. */
export interface CliContext extends CommandContext {
  readonly process: StricliProcess
  /** Lines for a person. */
  readonly log: Log
  /** The log that the flags ask for, from here on also for what Ctrl-C says; begins the profile that they ask for. */
  openLog(flags: { readonly [Flag in keyof OutputFlags]: OutputFlags[Flag] | undefined }): Log
  /** Asks on the terminal, y or N; undefined where there is none. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined
  /** The command that `launch` starts, and its arguments. */
  readonly launched: readonly string[]
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal
}
