/** @file All problems of a data set, each once. */
import type { Fault, Problems } from '../../data/problems.ts'
import { KINDS, type ProblemKind, type Severity } from './problem-kinds.ts'

export interface Problem {
  readonly kind: ProblemKind
  readonly severity: Severity
  /** A file or folder, as a path that can be opened. */
  readonly file: string
  /** The line or place in the file. */
  readonly where: string | null
  readonly problem: string
  readonly remedy: string | null
}

/** Keeps what readers pass to it. */
export interface ProblemList extends Problems {
  add(kind: ProblemKind, fault: Fault): void
  /** In the order of the kinds, then of files. */
  all(): Problem[]
  /** Files with a problem of this kind. */
  files(kind: ProblemKind): ReadonlySet<string>
}

export function createProblemList(): ProblemList {
  const found = new Map<string, Problem>()
  const add = (kind: ProblemKind, { file, field, problem, expected }: Fault): void => {
    const key = JSON.stringify([kind, file, field, problem]) // each split is opened by itself and says the same of a table
    const { severity } = KINDS[kind]
    if (!found.has(key))
      found.set(key, { kind, severity, file, where: field ?? null, problem, remedy: expected ?? null })
  }
  return {
    add,
    fault(kind, error, each = [error]) {
      for (const fault of each) add(kind, fault)
    },
    doubt(kind, _, each) {
      for (const fault of each()) add(kind, fault)
      return []
    },
    all() {
      const order = new Map(Object.keys(KINDS).map((kind, place) => [kind, place]))
      return [...found.values()].sort(
        (a, b) =>
          order.get(a.kind)! - order.get(b.kind)! ||
          a.file.localeCompare(b.file, 'en', { numeric: true }) ||
          (a.where ?? '').localeCompare(b.where ?? '', 'en', { numeric: true }),
      )
    },
    files: kind => new Set([...found.values()].flatMap(one => (one.kind === kind ? [one.file] : []))),
  }
}
