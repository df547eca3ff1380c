/** @file Two processes with parts of a batch take the step of one process with all of it, whatever the loss. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../src/io/package-root.ts'
import { NOT_BUILT, startProcesses } from './started-processes.ts'

const PROGRAM = join(packageRoot(), 'dist/test/parallel/shared-step-program.js')

async function resultsOf(size: number): Promise<Record<string, number | number[]>[]> {
  const started = await startProcesses(size, [PROGRAM])
  const ended = await Promise.all(started.map(one => one.ended))
  for (const { code, out } of ended) expect(code, out).toBe(0)
  return ended.map(({ out }) => JSON.parse(out) as Record<string, number | number[]>)
}

test.skipIf(NOT_BUILT)(
  `losses, parameters and statistics are those of one process${NOT_BUILT === undefined ? '' : `: ${NOT_BUILT}`}`,
  async () => {
    const [[one], shared] = await Promise.all([resultsOf(1), resultsOf(2)])
    for (const results of shared) {
      expect(Object.keys(results)).toEqual(Object.keys(one!))
      for (const [name, value] of Object.entries(one!)) {
        const other = [results[name]!].flat()
        for (const [i, number] of [value].flat().entries()) expect(other[i], name).toBeCloseTo(number, 5)
      }
    }
    expect(one!['tags, scale']).not.toEqual([1, 0.7, 1.2])
    expect(one!['tags, unused']).toEqual([1]) // no weight decay without a gradient
  },
)
