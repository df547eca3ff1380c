import { expect, test } from 'vitest'
import { busyLine, coresBetween, coresInUse } from '../../bench/busy.ts'

const stat = (...fields: number[]): string => `cpu  ${fields.join(' ')}\ncpu0 1 2 3\ncpu1 1 2 3\nintr 12\n`

test('cores in use are what was neither idle nor waiting for a disk', () => {
  const before = stat(100, 0, 50, 1000, 20, 0, 0, 0, 0, 0)
  expect(coresBetween(before, stat(200, 0, 50, 1100, 20, 0, 0, 0, 0, 0))).toBe(1)
  expect(coresBetween(before, stat(150, 10, 70, 1100, 20, 10, 10, 0, 0, 0))).toBe(1)
  expect(coresBetween(before, stat(100, 0, 50, 1000, 220, 0, 0, 0, 0, 0))).toBe(0)
})

test('time stolen by the neighbours of a virtual machine is in use', () => {
  expect(coresBetween(stat(0, 0, 0, 0, 0, 0, 0, 0), stat(0, 0, 0, 100, 0, 0, 0, 300))).toBe(1.5)
})

test('where the system does not say, nothing is in use', () => {
  expect(coresBetween('', '')).toBe(0)
  expect(coresBetween(stat(1, 1, 1, 1), stat(1, 1, 1, 1))).toBe(0)
})

test('a process that works is seen by one that waits', async () => {
  const spin = 'const end = Date.now() + 5000; while (Date.now() < end);'
  const { spawn } = await import('node:child_process')
  const worker = spawn(process.execPath, ['-e', spin])
  try {
    expect(await coresInUse({ seconds: 0.5 })).toBeGreaterThan(0.1)
  } finally {
    worker.kill('SIGKILL')
  }
})

test('more than half of a core in use by others is busy', () => {
  expect(busyLine(0.5, { cores: 2 })).toBe(undefined)
  expect(busyLine(0.51, { cores: 2 })).toBe('busy: ratios only (others used 0.5 of 2 cores)')
  expect(busyLine(1.72, { cores: 2 })).toBe('busy: ratios only (others used 1.7 of 2 cores)')
})
