/**
 * @file The log of a run: plain lines, warnings, and a progress line. Control characters in names and files never reach the
 * terminal. Imports nothing above src/train.
 */
import { oneLine, printable } from '../io/printable.ts'
import { createProgress, type Progress, type ProgressOptions, type ProgressStream } from './progress.ts'

/** Lines for a person. While a progress line is shown, lines appear above it. */
export interface Log {
  info(text: string): void
  /** A line that starts with "warning:"; also kept in `warnings`. */
  warn(text: string): void
  /** Starts a progress line; one that is shown already waits until this one ends. */
  progress(options: ProgressOptions): Progress
  readonly warnings: readonly string[]
}

export interface LogOptions {
  readonly stream?: ProgressStream
  /** Milliseconds. */
  readonly clock?: () => number
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A log on a stream (default: standard output). Colour only on a terminal and without NO_COLOR. */
export function createLog({
  stream = process.stdout,
  clock = Date.now,
  env = process.env,
}: LogOptions = {}): Log {
  let current: Progress | undefined
  const warnings: string[] = []
  const colour = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
  const line = (text: string) => {
    current?.clear()
    stream.write(`${text}\n`)
    current?.draw()
  }
  return {
    warnings,
    info: text => line(printable(text)),
    warn(text) {
      const shown = oneLine(text)
      warnings.push(text)
      line(colour ? `\u001b[33mwarning:\u001b[39m ${shown}` : `warning: ${shown}`)
    },
    progress(options) {
      const outer = current
      outer?.clear()
      const progress = createProgress(options, {
        stream,
        clock,
        colour,
        onFinish: () => (current = outer),
      })
      current = progress
      return progress
    },
  }
}

/** A log that says nothing, for tests and for callers that show progress themselves. Warnings are kept. */
export function silentLog(): Log {
  return createLog({ stream: { write: () => true }, env: {} })
}
