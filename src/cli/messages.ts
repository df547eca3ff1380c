/** @file Error messages and exit codes of the command line. */
import {
  type ApplicationText,
  ArgumentScannerError,
  ExitCode,
  formatMessageForArgumentScannerError,
  text_en,
} from '@stricli/core'
import { TagmaskError } from '../errors.ts'
import { printable, textOf } from '../io/printable.ts'
import { nearestName } from '../nearest-name.ts'
import { Interrupted } from '../pipeline/run/stage.ts'
import { INTERRUPTED } from './interrupt.ts'

/** Exit codes: 0 done, 1 bad input, 2 wrong use of the command line, 70 a bug of ours, 130 stopped by Ctrl-C. */
export const EXIT = { done: 0, input: 1, usage: 2, bug: 70, interrupted: INTERRUPTED } as const

/** stricli's texts with ours for errors. `commands` are all command names, for hints. */
export function applicationText(commands: readonly string[]): ApplicationText {
  return {
    ...text_en,
    noCommandRegisteredForInput({ input }) {
      const near = nearestName(input, commands)
      return printable(
        `there is no command ${input}${near === undefined ? `; commands are ${commands.join(', ')}` : `; did you mean ${near}?`}`,
      )
    },
    exceptionWhileParsingArguments: exception =>
      exception instanceof ArgumentScannerError
        ? printable(`${usageMessage(exception)} (--help lists all)`)
        : errorMessage(exception),
    exceptionWhileRunningCommand: errorMessage,
    exceptionWhileLoadingCommandFunction: errorMessage,
    commandErrorResult: errorMessage,
  }
}

/** Messages for Node's error codes about files. */
const SYSTEM = new Map([
  ['ENOSPC', 'the disk is full; free some space and run the same command'],
  ['EDQUOT', 'the quota of the disk is used up; free some space and run the same command'],
  ['EROFS', 'the disk is read-only; choose another place'],
  ['EACCES', 'permission denied; change the permissions, or choose another place'],
  ['EPERM', 'permission denied; change the permissions, or choose another place'],
  ['EIO', 'the disk or the network failed; check it and run the same command'],
  ['ESTALE', 'the network folder is gone; connect it again and run the same command'],
  ['ENOTCONN', 'the network folder is gone; connect it again and run the same command'],
  ['EMFILE', 'too many files are open; raise the limit (ulimit -n)'],
  ['ENFILE', 'too many files are open on this machine'],
  ['ENAMETOOLONG', 'the name is too long; choose a shorter one'],
  ['EFBIG', 'the file is larger than the system allows here; choose another disk or raise the limit'],
  ['ELOOP', 'its links form a loop'],
])

/** The message for an error of the system about a file; undefined for others. */
function systemMessage(error: unknown): string | undefined {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return undefined
  const words = SYSTEM.get(String(error.code))
  const path = 'path' in error && typeof error.path === 'string' ? error.path : String(error.syscall)
  return words === undefined ? undefined : `${path}: ${words}`
}

/** One message for errors that the user can fix; the stack, to be reported, for others. */
export function errorMessage(error: unknown): string {
  if (error instanceof Interrupted) return error.message
  if (error instanceof TagmaskError) return printable(`error: ${error.message}`)
  const refused = systemMessage(error)
  if (refused !== undefined) return printable(`error: ${refused}`)
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `unexpected error, a bug of tagmask: please report it with these lines\n${printable(stack)}`
}

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return EXIT.interrupted
  return error instanceof TagmaskError || systemMessage(error) !== undefined ? EXIT.input : EXIT.bug
}

/** stricli's negative codes as ours. */
export function finalExitCode(code: number | string | null | undefined): number {
  if (code === ExitCode.UnknownCommand || code === ExitCode.InvalidArgument) return EXIT.usage
  const number = Number(code ?? 0)
  return number < 0 ? EXIT.bug : number
}

function usageMessage(error: ArgumentScannerError): string {
  return formatMessageForArgumentScannerError(error, {
    FlagNotFoundError({ input, corrections }) {
      if (input === 'shard') return 'there is no flag --shard here: maps, refine, predict and export have it'
      const near = nearestName(input, corrections) // stricli proposes far ones, too
      return `there is no flag --${input}${near === undefined ? '' : `; did you mean --${near}?`}`
    },
    AliasNotFoundError: ({ input }) => `there is no flag -${input}`,
    ArgumentParseError: ({ externalFlagNameOrPlaceholder, input, exception }) =>
      `--${externalFlagNameOrPlaceholder} ${input}: ${textOf(exception)}`,
    EnumValidationError: ({ externalFlagName, input, values }) =>
      `--${externalFlagName} ${input}: expected ${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
    UnsatisfiedFlagError: ({ externalFlagName, nextFlagName }) =>
      `--${externalFlagName} needs a value${nextFlagName === undefined ? '' : ` before --${nextFlagName}`}`,
    UnexpectedFlagError: ({ externalFlagName, previousInput, input }) =>
      `--${externalFlagName} is given twice: ${previousInput} and ${input}`,
    UnexpectedPositionalError: ({ input, expectedCount }) =>
      `unexpected ${input}: ${expectedCount === 0 ? 'nothing' : `only ${expectedCount} name`} is expected`,
    UnsatisfiedPositionalError: ({ placeholder }) => `${placeholder} is missing`,
  })
}
