/** @file One golden file from its path to its comparisons. Nothing that the file expects is skipped. */
import { TagmaskError } from '../../src/errors.ts'
import { type Comparison, mismatch } from './comparison.ts'
import { type CheckOptions, contentOf, readFixture } from './fixture.ts'
import { kindOf, kinds } from './kinds/index.ts'

export interface FileReport {
  readonly path: string
  /** Kind of the file; undefined when it is unreadable or of no known kind. */
  readonly kind: string | undefined
  readonly comparisons: readonly Comparison[]
  /** Why the file could not be checked. */
  readonly problem: string | undefined
}

/** Never throws: failures become the report's `problem`. */
export async function checkFile(path: string, options: CheckOptions): Promise<FileReport> {
  let kind: string | undefined
  try {
    const fixture = await readFixture(path)
    const found = kindOf(contentOf(fixture))
    if (found === undefined) {
      const known = kinds.map(({ name }) => name).join(', ')
      return {
        path,
        kind,
        comparisons: [],
        problem: `a kind of file this runner does not know; known: ${known}`,
      }
    }
    kind = found.name
    const comparisons = await found.check(fixture, options)
    const compared = new Set(comparisons.map(({ tensor }) => tensor))
    const given = new Set(found.inputs)
    const uncovered = [...fixture.tensors.keys()].filter(
      name => !compared.has(name) && !given.has(name) && !/^(in|weights|ae)\./.test(name),
    )
    const missed = uncovered.map(name => mismatch(name, 'expected by the file, compared with nothing'))
    return { path, kind, comparisons: [...comparisons, ...missed], problem: undefined }
  } catch (error) {
    const problem = error instanceof TagmaskError ? error.message : String(error)
    return { path, kind, comparisons: [], problem }
  }
}

/** Whether everything that the file expects was compared and is within its bar. */
export function passes({ comparisons, problem }: FileReport): boolean {
  return problem === undefined && comparisons.length > 0 && comparisons.every(({ ok }) => ok)
}
