/** @file Identity of the process that holds a run folder: numbers are reused, so its start counts too. Imports node and errors. */
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { codeOf } from '../../errors.ts'

export interface ProcessIdentity {
  readonly pid: number
  readonly host: string
  /** Boot id and ticks since then; empty where unknown. */
  readonly started: string
}

const ENDED = 'ended' // a zombie, until its parent waits for it

/** This machine's process of that number. */
export async function identify(pid: number): Promise<ProcessIdentity> {
  return { pid, host: hostname(), started: await startOf(pid) }
}

/** Reads `PID HOST STARTED`; undefined where it is incomplete. `STARTED` is missing in locks of older versions. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const [, pid, host, started = ''] = /^(\d+) (\S+)(?: (\w*))?\n$/.exec(text) ?? []
  return pid === undefined || host === undefined ? undefined : { pid: Number(pid), host, started }
}

/** True when the process has certainly ended; never for other machines. */
export async function isGone({ pid, host, started }: ProcessIdentity): Promise<boolean> {
  if (host !== hostname()) return false
  if (!isRunning(pid)) return true
  const now = await startOf(pid)
  if (now === ENDED) return true
  if (started === '') return pid === process.pid // a lock of an older version that had this number
  return now !== '' && now !== started
}

/** Whether there is a process of that number on this machine. */
function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

async function startOf(pid: number): Promise<string> {
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    ])
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // from the third on, after the name in brackets
    const [state = '', ticks] = [fields[0], fields[19]]
    if ('ZX'.includes(state)) return ENDED
    return ticks === undefined ? '' : `${boot.slice(0, 8)}x${ticks}`
  } catch {
    return ''
  }
}
