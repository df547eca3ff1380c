/** @file Memory that a step may take, within the machine and the limits of the process. Imports node only. */
import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import { join } from 'node:path'

/** The system's figures, in bytes; undefined when not reported. */
export interface MemoryReport {
  /** Text of /proc/meminfo. */
  readonly meminfo?: string | undefined
  /** The control group and its parents: limit, memory in use, and the part of it that is droppable file cache. */
  readonly groups?: readonly GroupMemory[]
  /** Free memory, used without /proc/meminfo. */
  readonly free: number
  /** TAGMASK_MEMORY, megabytes: the user's limit. */
  readonly limit?: string | undefined
}

export interface GroupMemory {
  /** Text of memory.max or memory.limit_in_bytes; "max" is none. */
  readonly limit: string
  readonly used: number
  readonly files: number
}

/** Share of the available memory that one step may take: estimates are good to a factor of 1.5. */
export const MEMORY_SHARE = 0.7

/** The least left by the machine, each control group and the user's limit. */
export function availableMemory({ meminfo, groups = [], free, limit }: MemoryReport): number {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo ?? '')?.[1]
  const machine = kilobytes === undefined ? free : 1024 * Number(kilobytes)
  const limits = groups
    .filter(({ limit }) => /^\d+$/.test(limit.trim()))
    .map(({ limit, used, files }) => Number(limit) - used + files)
  const own = limit === undefined || !(Number(limit) > 0) ? [] : [1e6 * Number(limit)]
  return Math.max(0, Math.min(machine, ...limits, ...own))
}

/** Default megabytes for work on images: less than 3 GB with the process itself, on any machine. */
export const USUAL_MEMORY = 2000

/** Bytes that one step may take now. `cached`: freed bytes that the process keeps and the step can reuse. `most`: megabytes. */
export function memoryBudget({
  cached = 0,
  most = Number.POSITIVE_INFINITY,
}: {
  cached?: number
  most?: number | undefined
} = {}): number {
  return Math.min(1e6 * most, MEMORY_SHARE * (availableMemory(memoryReport()) + cached))
}

/** ms for which what was read of the system counts: reading takes a millisecond, and every image asks. */
const FRESH = 100
let latest: { readonly at: number; readonly report: MemoryReport } | undefined

function memoryReport(): MemoryReport {
  const at = performance.now()
  if (latest === undefined || at - latest.at > FRESH) latest = { at, report: readReport() }
  return { ...latest.report, limit: process.env.TAGMASK_MEMORY }
}

function readReport(): MemoryReport {
  return {
    meminfo: readOptional('/proc/meminfo'),
    groups: groupFolders(readOptional('/proc/self/cgroup') ?? '').flatMap(readGroup),
    free: freemem(),
  }
}

/** Folders of the process's group and its parents, for both versions of control groups; most do not exist. */
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
