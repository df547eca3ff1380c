/** @file zod's issues in words: place (file and line, or --set), key, value, remedy. */
import type { z } from 'zod'
import { InputError } from '../../errors.ts'
import { nearestName } from '../../nearest-name.ts'
import { expectedAt, keysAt } from './keys.ts'

/** Further ones are counted. */
const MAX_SHOWN = 20

type Issue = z.core.$ZodIssue

/** One wrong key. */
export interface Problem {
  readonly path: readonly PropertyKey[]
  readonly problem: string
  readonly expected: string | undefined
}

/** Everything wrong with `input`, in the order of the schema. */
export function problemsOf(issues: readonly Issue[], input: unknown): Problem[] {
  return issues.flatMap(issue => problemsOfIssue(issue, input, []))
}

/** One error that lists all problems; `sourceOf` says where the value at a path was written. */
export function recipeError(
  problems: readonly Problem[],
  sourceOf: (path: readonly PropertyKey[]) => string,
): InputError {
  const [first] = problems
  if (first !== undefined && problems.length === 1) {
    const { path, problem, expected } = first
    return new InputError(sourceOf(path), problem, {
      ...(path.length > 0 ? { field: path.join('.') } : {}),
      ...(expected === undefined ? {} : { expected }),
    })
  }
  const shown = problems.slice(0, MAX_SHOWN)
  const sources = shown.map(({ path }) => sourceOf(path))
  const lines = shown.map(
    ({ path, problem, expected }, i) =>
      `  ${sources[i]} (${path.join('.')}): ${problem}${expected === undefined ? '' : `; ${expected}`}`,
  )
  if (problems.length > MAX_SHOWN) lines.push(`  and ${problems.length - MAX_SHOWN} more`)
  return new InputError('recipe', `${problems.length} things are wrong:\n${lines.join('\n')}`)
}

function problemsOfIssue(issue: Issue, input: unknown, prefix: readonly PropertyKey[]): Problem[] {
  const path = [...prefix, ...issue.path]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key, i) =>
        i < MAX_SHOWN
          ? unknownKey(key, path, input)
          : { path: [...path, key], problem: `there is no key ${key}`, expected: undefined },
      )
    case 'custom': {
      const [problem, expected] = splitAt(issue.message, '; ')
      const value = valueAt(input, path) ?? defaultAt(issue, path)
      return [{ path, problem: `${show(value)} ${problem}`, expected }]
    }
    case 'invalid_union': {
      const branch = issue.errors.find(
        errors =>
          errors.length > 0 &&
          !errors.some(error => error.code === 'invalid_type' && error.path.length === 0) &&
          !errors.every(error => error.code === 'invalid_value'),
      )
      if (branch !== undefined) return branch.flatMap(error => problemsOfIssue(error, input, path))
      return [wrongValue(path, input)]
    }
    case 'invalid_format': {
      const [, expected] = splitAt(`; ${issue.message}`, '; ')
      return [{ path, problem: `is ${show(valueAt(input, path))}`, expected }]
    }
    default:
      return [wrongValue(path, input)]
  }
}

function unknownKey(key: string, section: readonly PropertyKey[], input: unknown): Problem {
  const known = keysAt(section, input)
  const path = [...section, key]
  if (known.includes(key)) {
    return {
      path,
      problem: `does not belong to this kind of ${String(section[section.length - 1])}`,
      expected: 'remove it or change kind',
    }
  }
  if (keysAt(section).includes(key)) {
    return {
      path,
      problem: `does not belong to the method ${String(valueAt(input, ['method']))}`,
      expected: 'remove it or change method',
    }
  }
  const near = nearestName(key, known)
  return {
    path,
    problem: `there is no key ${key}`,
    expected: near === undefined ? `keys there are ${known.join(', ')}` : `did you mean ${near}?`,
  }
}

function wrongValue(path: readonly PropertyKey[], input: unknown): Problem {
  const value = valueAt(input, path)
  const expected = expectedAt(path, input)
  return {
    path,
    problem: value === undefined ? 'is missing' : `is ${show(value)}`,
    expected: expected === undefined ? undefined : `expected ${expected}`,
  }
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    input,
  )
}

/** The default of a key that was left out, from the section or recipe that a check has seen. */
function defaultAt({ input: seen }: Issue, path: readonly PropertyKey[]): unknown {
  return path.map((_, i) => valueAt(seen, path.slice(i))).find(value => value !== undefined)
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing'
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

function splitAt(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)]
}
