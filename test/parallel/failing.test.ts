import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../src/io/package-root.ts'
import { NOT_BUILT, startProcesses } from './started-processes.ts'

const PROGRAM = join(packageRoot(), 'dist/test/parallel/failing-program.js')

test.skipIf(NOT_BUILT).each([0, 1, 2])('when process %i of three fails the others say why', async failing => {
  const processes = await startProcesses(3, [PROGRAM, String(failing)])
  const ended = await Promise.all(processes.map(one => one.ended))
  const own = 'a.jpg: is damaged'
  expect(ended.map(({ out }) => out)).toEqual(
    [0, 1, 2].map(rank => (rank === failing ? own : `process ${failing} of 3: ${own}`)),
  )
  expect(ended.map(({ code }) => code)).toEqual([1, 1, 1])
})
