/** @file What the command line says when something is wrong, and with which exit code it ends. */
import {
  type ApplicationText,
  ArgumentScannerError,
  ExitCode,
  formatMessageForArgumentScannerError,
  text_en,
} from '@stricli/core'
import { TagmaskError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import { Interrupted } from '../pipeline/stage.ts'
import { INTERRUPTED } from './interrupt.ts'

/** Exit codes: 0 done, 1 bad input, 2 wrong use of the command line, 70 a bug of ours, 130 stopped by Ctrl-C. */
export const EXIT = { done: 0, input: 1, usage: 2, bug: 70, interrupted: INTERRUPTED } as const

/** stricli's texts with ours for errors. `commands` are all command names, for hints. */
export function applicationText(commands: readonly string[]): ApplicationText {
  return {
    ...text_en,
    noCommandRegisteredForInput({ input }) {
      const near = nearestName(input, commands)
      return `there is no command ${input}${near === undefined ? `; commands are ${commands.join(', ')}` : `; did you mean ${near}?`}`
    },
    exceptionWhileParsingArguments: exception =>
      exception instanceof ArgumentScannerError
        ? `${usageMessage(exception)} (--help lists all)`
        : errorMessage(exception),
    exceptionWhileRunningCommand: errorMessage,
    exceptionWhileLoadingCommandFunction: errorMessage,
    commandErrorResult: errorMessage,
  }
}

/** One clean message for what the person can mend; the stack and where to report it for what they cannot. */
export function errorMessage(error: unknown): string {
  if (error instanceof Interrupted) return error.message
  if (error instanceof TagmaskError) return `error: ${error.message}`
  if (isWithoutFolder(error))
    return 'error: the folder you are in is no longer there; change to another one (cd)'
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `unexpected error, a fault of tagmask: please report it with these lines\n${stack}`
}

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return EXIT.interrupted
  return error instanceof TagmaskError || isWithoutFolder(error) ? EXIT.input : EXIT.bug
}

/** Node's error where the working folder was deleted. */
function isWithoutFolder(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd'
}

/** stricli's negative codes as ours. */
export function finalExitCode(code: number | string | null | undefined): number {
  if (code === ExitCode.UnknownCommand || code === ExitCode.InvalidArgument) return EXIT.usage
  const number = Number(code ?? 0)
  return number < 0 ? EXIT.bug : number
}

function usageMessage(error: ArgumentScannerError): string {
  return formatMessageForArgumentScannerError(error, {
    FlagNotFoundError: ({ input, corrections }) =>
      `there is no flag --${input}${corrections.length > 0 ? `; did you mean --${corrections[0]}?` : ''}`,
    AliasNotFoundError: ({ input }) => `there is no flag -${input}`,
    ArgumentParseError: ({ externalFlagNameOrPlaceholder, input, exception }) =>
      `--${externalFlagNameOrPlaceholder} ${input}: ${exception instanceof Error ? exception.message : String(exception)}`,
    EnumValidationError: ({ externalFlagName, input, values }) =>
      `--${externalFlagName} ${input}: expected ${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
    UnsatisfiedFlagError: ({ externalFlagName, nextFlagName }) =>
      `--${externalFlagName} needs a value${nextFlagName === undefined ? '' : ` before --${nextFlagName}`}`,
    UnexpectedFlagError: ({ externalFlagName, previousInput, input }) =>
      `--${externalFlagName} is given twice: ${previousInput} and ${input}`,
    UnexpectedPositionalError: ({ input, expectedCount }) =>
      `${input} is too much: ${expectedCount === 0 ? 'nothing' : `only ${expectedCount} name`} is expected`,
    UnsatisfiedPositionalError: ({ placeholder }) => `${placeholder} is missing`,
  })
}
