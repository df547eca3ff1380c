import { expect, test } from 'vitest'
import {
  availableMemory,
  formatBytes,
  groupFolders,
  isOutOfMemory,
  MEMORY_SHARE,
  memoryBudget,
} from './available-memory.ts'

const GB = 1024 ** 3

test.each([
  ['what the machine has', {}, 8 * GB],
  ['free memory without /proc/meminfo', { meminfo: undefined }, 2 * GB],
  ['a group without a limit', { groups: [{ limit: 'max\n', used: GB, files: 0 }] }, 8 * GB],
  [
    'a limit around the process, less what is in use, plus files that can be dropped',
    { groups: [{ limit: `${4 * GB}\n`, used: 3 * GB, files: GB }] },
    2 * GB,
  ],
  [
    'the smallest of several groups',
    {
      groups: [
        { limit: `${6 * GB}`, used: GB, files: 0 },
        { limit: `${3 * GB}`, used: 2 * GB, files: 0 },
      ],
    },
    GB,
  ],
  ['a group over its limit', { groups: [{ limit: `${GB}`, used: 2 * GB, files: 0 }] }, 0],
  ["a person's limit", { limit: '500' }, 500e6],
  ["a person's limit above what there is", { limit: '100000' }, 8 * GB],
  ['a limit that is no number', { limit: 'lots' }, 8 * GB],
])('memory: %s', (_, more, bytes) => {
  const meminfo = `MemTotal:       16000000 kB\nMemAvailable:    ${(8 * GB) / 1024} kB\n`
  expect(availableMemory({ meminfo, free: 2 * GB, ...more })).toBe(bytes)
})

test('the groups of a process and all around them, of both versions', () => {
  expect(groupFolders('0::/a/b\n')).toEqual(['/sys/fs/cgroup', '/sys/fs/cgroup/a', '/sys/fs/cgroup/a/b'])
  expect(groupFolders('5:cpu,memory:/x\n4:cpuset:/y\n')).toEqual([
    '/sys/fs/cgroup/memory',
    '/sys/fs/cgroup/memory/x',
  ])
  expect(groupFolders('')).toEqual([])
})

test('a step may take a share of what there is, and what the process keeps for reuse', () => {
  const limit = process.env.TAGMASK_MEMORY
  process.env.TAGMASK_MEMORY = '10'
  try {
    expect(memoryBudget()).toBeCloseTo(MEMORY_SHARE * 10e6)
    expect(memoryBudget({ cached: 10e6 })).toBeCloseTo(MEMORY_SHARE * 20e6)
  } finally {
    if (limit === undefined) delete process.env.TAGMASK_MEMORY
    else process.env.TAGMASK_MEMORY = limit
  }
})

test.each([
  'out of memory: 8000 bytes asked for, 10 in use',
  'CUDA out of memory. Tried to allocate 2.00 GiB',
  "[enforce fail at alloc_cpu.cpp:66] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes",
  'dense CRF: std::bad_alloc',
  'Array buffer allocation failed',
])('memory that ran out: %s', message => {
  expect(isOutOfMemory(new Error(message))).toBe(true)
})

test('other errors are none of memory', () => {
  expect(isOutOfMemory(new Error('mat1 and mat2 shapes cannot be multiplied'))).toBe(false)
  expect(isOutOfMemory('out of memory')).toBe(false)
})

test('bytes for a person', () => {
  expect([2.44e9, 310e6, 1].map(formatBytes)).toEqual(['2.4 GB', '310 MB', '1 MB'])
})
