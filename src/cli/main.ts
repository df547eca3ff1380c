/** @file Entry of bin/tagmask. */
import { cwd } from 'node:process'
import { createInterface } from 'node:readline/promises'
import { run, type StricliProcess } from '@stricli/core'
import { createLog } from '../train/log.ts'
import { app } from './app.ts'
import { splitLaunch } from './commands/launch.ts'
import { COMPLETE } from './complete-word.ts'
import { completions } from './completion.ts'
import type { CliContext } from './context.ts'
import { abortOnInterrupt, type SignalSource } from './interrupt.ts'
import { EXIT, errorMessage, exitCodeOf, finalExitCode } from './messages.ts'
import { type CommandProfile, profileCommand } from './profile/command-profile.ts'

type Terminal = NodeJS.ReadableStream & { readonly isTTY?: boolean }
type MaybeTerminal = StricliProcess['stdout'] & { readonly isTTY?: boolean }

export interface CliOptions {
  readonly process: StricliProcess &
    SignalSource & { readonly stdin?: Terminal; readonly stdout: MaybeTerminal }
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
  let profile: CommandProfile | undefined
  const { signal, dispose } = abortOnInterrupt(process, {
    tell: text => {
      if (args[0] !== 'launch') current.tell(text) // process 0 says it
    },
  })
  const { own, launched } = splitLaunch(args)
  const context: CliContext = {
    process: { stdout, stderr, env } as StricliProcess,
    log,
    openLog({ quiet = false, json = false, profile: file }) {
      if (file !== undefined) profile = profileCommand(file)
      current = createLog({ stream: stdout, env, quiet, format: json ? 'json' : 'text' })
      return current
    },
    confirm: process.stdin?.isTTY && stdout.isTTY ? asking(process.stdin, { stdout, signal }) : undefined,
    signal,
    launched,
  }
  try {
    if (args[0] === COMPLETE) {
      const found = await completions(args.slice(1), context)
      stdout.write(found.map(word => `${word}\n`).join(''))
      return EXIT.done
    }
    await run(app, own, context)
    const ended = finalExitCode(context.process.exitCode)
    if (profile === undefined) return ended
    try {
      stderr.write(`\n${await profile.finish()}`)
    } catch (error) {
      stderr.write(`${errorMessage(error)}\n`)
      return ended === EXIT.done ? exitCodeOf(error) : ended
    }
    return ended
  } finally {
    dispose()
  }
}

/** Asks on a terminal; anything but y or yes, and Ctrl-C, is no. */
function asking(
  input: Terminal,
  { stdout, signal }: { stdout: MaybeTerminal; signal: AbortSignal },
): (question: string) => Promise<boolean> {
  return async question => {
    stdout.write(`${question} [y/N] `)
    const lines = createInterface({ input, terminal: false })
    try {
      const answer = await lines.question('', { signal })
      return /^y(es)?$/i.test(answer.trim())
    } catch {
      return false
    } finally {
      lines.close()
    }
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
