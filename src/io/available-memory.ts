/** @file How much memory a step may take: what the machine and the limits around the process leave. Imports node only. */
import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import { join } from 'node:path'

/** What the system says, in bytes; what it does not say is undefined. */
export interface MemoryReport {
  /** Text of /proc/meminfo. */
  readonly meminfo?: string | undefined
  /** Of the control group and of those around it: limit, what is in use, and what of that is files that can be dropped. */
  readonly groups?: readonly GroupMemory[]
  /** What the system calls free, where there is no /proc/meminfo. */
  readonly free: number
  /** TAGMASK_MEMORY, megabytes: a person's own limit. */
  readonly asked?: string | undefined
}

export interface GroupMemory {
  /** Text of memory.max or memory.limit_in_bytes; "max" is none. */
  readonly limit: string
  readonly used: number
  readonly files: number
}

/** Of what is available, the share that one step may take: estimates are good to a factor of 1.5. */
export const MEMORY_SHARE = 0.7

/** The smallest of what the machine, each control group and the person leave. */
export function availableMemory({ meminfo, groups = [], free, asked }: MemoryReport): number {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo ?? '')?.[1]
  const machine = kilobytes === undefined ? free : 1024 * Number(kilobytes)
  const limits = groups
    .filter(({ limit }) => /^\d+$/.test(limit.trim()))
    .map(({ limit, used, files }) => Number(limit) - used + files)
  const own = asked === undefined || !(Number(asked) > 0) ? [] : [1e6 * Number(asked)]
  return Math.max(0, Math.min(machine, ...limits, ...own))
}

/** Megabytes that work on images may take where nobody says more: with the process itself less than 3 GB, whatever the machine has. */
export const USUAL_MEMORY = 2000

/** Bytes that one step may take now. `cached`: freed bytes that the process keeps and the step can use again. `most`: megabytes. */
export function memoryBudget({
  cached = 0,
  most = Number.POSITIVE_INFINITY,
}: {
  cached?: number
  most?: number | undefined
} = {}): number {
  return Math.min(1e6 * most, MEMORY_SHARE * (availableMemory(memoryReport()) + cached))
}

/** What the system says now; nothing of it is kept. */
function memoryReport(): MemoryReport {
  return {
    meminfo: readOptional('/proc/meminfo'),
    groups: groupFolders(readOptional('/proc/self/cgroup') ?? '').flatMap(readGroup),
    free: freemem(),
    asked: process.env.TAGMASK_MEMORY,
  }
}

/** Folders of the process's group and all around it, for both versions of control groups; most are not there. */
export function groupFolders(cgroup: string): string[] {
  return cgroup.split('\n').flatMap(line => {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    const root =
      path === ''
        ? undefined
        : controllers === ''
          ? '/sys/fs/cgroup'
          : controllers.split(',').includes('memory')
            ? '/sys/fs/cgroup/memory'
            : undefined
    if (root === undefined) return []
    const parts = path.split('/').filter(Boolean)
    return [...parts.keys(), parts.length].map(depth => join(root, ...parts.slice(0, depth)))
  })
}

function readGroup(folder: string): GroupMemory[] {
  const read = (name: string): string | undefined => readOptional(join(folder, name))
  const limit = read('memory.max') ?? read('memory.limit_in_bytes')
  if (limit === undefined) return []
  const used = Number(read('memory.current') ?? read('memory.usage_in_bytes') ?? 0)
  const files = /^(?:total_)?inactive_file (\d+)$/m.exec(read('memory.stat') ?? '')?.[1]
  return [{ limit, used, files: Number(files ?? 0) }]
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Whether an error says that memory ran out: libtorch's, CUDA's, the dense CRF's or the array buffers'. */
export function isOutOfMemory(error: unknown): boolean {
  return (
    error instanceof Error &&
    /out of memory|not enough memory|bad_alloc|can't allocate memory|allocation failed|invalid typed array length: \d{10}|invalid array buffer length/i.test(
      error.message,
    )
  )
}

/** "2.4 GB" or "310 MB". */
export function formatBytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`
}
