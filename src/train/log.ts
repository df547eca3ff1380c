/**
 * @file The log of a run: plain lines, warnings, and a progress line for a person, or JSON objects for a program. Control
 * characters in names and files never reach the terminal. Imports nothing above src/train.
 */
import { oneLine, printable } from '../io/printable.ts'
import { formatDuration } from './duration.ts'
import { createProgress, type Progress, type ProgressOptions, type ProgressStream } from './progress.ts'
import { recordProgress } from './progress-record.ts'

/** Lines for a person. While a progress line is shown, lines appear above it. */
export interface Log {
  info(text: string): void
  /** A line that starts with "warning:"; also kept in `warnings`. */
  warn(text: string): void
  /** A line that a quiet log has too, as at the end; `result`: what it says, for programs. */
  tell(text: string, result?: object): void
  /** A stage begins or ends. */
  stage(event: StageEvent): void
  /** Starts a progress line; one that is shown already waits until this one ends. */
  progress(options: ProgressOptions): Progress
  readonly warnings: readonly string[]
}

export interface StageEvent {
  readonly stage: string
  /** `skipped`: it was done before; `reused`: from another run; `stopped`: by Ctrl-C or an error. */
  readonly state: 'begins' | 'done' | 'stopped' | 'skipped' | 'reused'
  /** How long it worked, where it did. */
  readonly seconds?: number
  /** The part of its images that this process makes, as in 2/8; then the stage itself is not done. */
  readonly shard?: string
}

export interface LogOptions {
  readonly stream?: ProgressStream
  /** Milliseconds. */
  readonly clock?: () => number
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Lines for a person, or on each line an object. */
  readonly format?: 'text' | 'json'
  /** Only warnings and what is told at the end. */
  readonly quiet?: boolean
}

/** A log on a stream (default: standard output). Colour only on a terminal and without NO_COLOR. */
export function createLog({
  stream = process.stdout,
  clock = Date.now,
  env = process.env,
  format = 'text',
  quiet = false,
}: LogOptions = {}): Log {
  const log = format === 'json' ? jsonLog({ stream, clock }) : textLog({ stream, clock, env })
  if (!quiet) return log
  const nothing = { write: () => true }
  return {
    ...log,
    info() {},
    stage() {},
    progress: options => createProgress(options, { stream: nothing, clock }),
  }
}

function textLog({ stream, clock, env }: Required<Pick<LogOptions, 'stream' | 'clock' | 'env'>>): Log {
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
    tell: text => line(printable(text)),
    stage({ stage, state, seconds = 0, shard }) {
      const part = shard === undefined ? stage : `${stage}, shard ${shard}`
      if (state === 'done') line(printable(`${part}: done in ${formatDuration(seconds)}`))
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

/** Each line an object: `{time, level, text}`, `{time, stage, state}`, `{time, progress}`, `{time, result}`. */
function jsonLog({ stream, clock }: Required<Pick<LogOptions, 'stream' | 'clock'>>): Log {
  const warnings: string[] = []
  const write = (content: object): void => {
    stream.write(`${JSON.stringify({ time: new Date(clock()).toISOString(), ...content })}\n`)
  }
  return {
    warnings,
    info: text => write({ level: 'info', text: text.trim() }),
    warn(text) {
      warnings.push(text)
      write({ level: 'warn', text })
    },
    tell: (text, result) => write(result === undefined ? { level: 'info', text } : { result }),
    stage: event => write(event),
    progress: options => recordProgress(options, { clock, record: progress => write({ progress }) }),
  }
}

/** A log that says nothing, for tests and for callers that show progress themselves. Warnings are kept. */
export function silentLog(): Log {
  return createLog({ stream: { write: () => true }, env: {} })
}
