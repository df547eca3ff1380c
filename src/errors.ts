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
    const lines = problem.split('\n').map(line => shortened(line, 2000))
    const what = shortened(lines.join('\n'), 10_000)
    const [where, remedy] = [shortened(field, 400), shortened(expected, 2000)]
    super(
      `${file}${where === undefined ? '' : ` (${where})`}: ${what}${remedy === undefined ? '' : `; ${remedy}`}`,
      { cause },
    )
    this.file = file
    this.field = where
    this.problem = what
    this.expected = remedy
  }
}

/** Without its middle where it is longer: names in a damaged file may have any length. */
function shortened<T extends string | undefined>(text: T, most: number): T | string {
  if (text === undefined || text.length <= most) return text
  const half = Math.floor(most / 2) - 2
  return `${text.slice(0, half)} ... ${text.slice(-half)}`
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
