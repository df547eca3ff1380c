/** @file The order of test files: those first that give themselves the most time, so that none is left for the end. */
import { readFileSync } from 'node:fs'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The longest timeout in a file of tests, ms; 0 for the default. */
export function longestTimeout(text: string): number {
  return Math.max(
    0,
    ...[...text.matchAll(/\btimeout: (\d[\d_]*)/g)].map(([, number]) => Number(number!.replaceAll('_', ''))),
  )
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const timed = files.map(file => ({
      file,
      // those that share a process come last, one after another
      shared: file.project.config.isolate ? 0 : 1,
      timeout: longestTimeout(readFileSync(file.moduleId, 'utf8')),
    }))
    timed.sort(
      (a, b) => a.shared - b.shared || b.timeout - a.timeout || (a.file.moduleId < b.file.moduleId ? -1 : 1),
    )
    return timed.map(({ file }) => file)
  }
}
