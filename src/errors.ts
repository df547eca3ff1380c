/** @file The typed errors of the library. Imports nothing. */
/** Base of every error tagmask throws on purpose; anything else that surfaces is a bug. */
export class TagmaskError extends Error {
  override readonly name: string = 'TagmaskError'
}

/** Bad input from a person: names the file (or option), the field, and what would be right. */
export class InputError extends TagmaskError {
  override readonly name = 'InputError'
  readonly file: string
  readonly field: string | undefined
  /** The problem, and what would be right. */
  readonly problem: string
  readonly expected: string | undefined

  constructor(
    file: string,
    problem: string,
    { field, expected, cause }: { field?: string; expected?: string; cause?: unknown } = {},
  ) {
    super(
      `${file}${field === undefined ? '' : ` (${field})`}: ${problem}${expected === undefined ? '' : `; ${expected}`}`,
      { cause },
    )
    this.file = file
    this.field = field
    this.problem = problem
    this.expected = expected
  }
}

/** libtorch refused an operation: names the operator and the shapes it was given. */
export class TorchError extends TagmaskError {
  override readonly name = 'TorchError'
  readonly op: string

  constructor(op: string, message: string, { cause }: { cause?: unknown } = {}) {
    super(`${op}: ${message}`, { cause })
    this.op = op
  }
}

/** The code of a system's error, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
