/** @file The fuzzer as tests: so many inputs of each reader, or the first hundredth of them, the same each time. */
import { expect, test } from 'vitest'
import { THOROUGH } from '../suite/thorough.ts'
import { failureLines, reportTable } from './command.ts'
import { fuzz } from './fuzz.ts'
import { type FuzzedReader, INPUTS } from './reader.ts'

/** `readers`: READERS of `module`, a file in dist/test/fuzz. `timeout`: ms, where other work takes the processor. */
export function testReaders(
  module: string,
  readers: readonly FuzzedReader[],
  { timeout }: { timeout: number },
): void {
  test.each(readers)(
    '$name',
    async ({ name, inputs: all = INPUTS }) => {
      const inputs = THOROUGH ? all : Math.ceil(all / 100)
      const report = await fuzz(name, { module, inputs })
      if (process.env.TAGMASK_FUZZ_TABLE !== undefined) console.log(reportTable([report]))
      expect(failureLines(report)).toEqual([])
      expect(report.inputs).toBe(inputs)
      expect(report.accepted).toBeGreaterThan(0)
    },
    timeout,
  )
}
