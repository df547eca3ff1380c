/**
 * @file Names of files that are being written, `.tagmask-PLACE-PID-START-RANDOM.tmp`: 50 characters whatever the file's own
 * name, and enough to tell later whether its writer still runs.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

const WRITER = /^tagmask-([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]{8}$/
const NAME = /^\.(tagmask-[0-9a-f]{8}-\d+-\d+-[0-9a-f]{8})\.tmp$/

/** No file takes a day to write: an older one is abandoned, also on another machine. */
const DEAD_AFTER_MS = 24 * 60 * 60 * 1000

/** A new name, in the folder of the file or folder that it becomes. */
export function temporaryName(): string {
  return `.${writerName()}.tmp`
}

/** This process, and a random number: `tagmask-PLACE-PID-START-RANDOM`. */
export function writerName(): string {
  ownStart ??= startOf(process.pid) ?? '0'
  return `tagmask-${place()}-${process.pid}-${ownStart}-${randomBytes(4).toString('hex')}`
}

/** Whether the writer of a file, by its name, has ended; of another machine: whether the file is a day old. */
export async function isAbandoned(path: string, writer: string): Promise<boolean> {
  const [, at, pid, start] = WRITER.exec(writer) ?? []
  if (at === undefined) return false
  if (at === place()) return !isAlive(Number(pid), start ?? '0')
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && Date.now() - found.mtimeMs > DEAD_AFTER_MS
}

/**
 * Removes the files and folders that killed processes left in a folder (not below it), and returns their names. Files that another
 * process is writing stay, and so do all other names. An absent folder holds none.
 */
export async function removeLeftovers(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  const removed: string[] = []
  for (const name of names) {
    const [, writer] = NAME.exec(name) ?? []
    if (writer === undefined || !(await isAbandoned(join(folder, name), writer))) continue
    const gone = await rm(join(folder, name), { recursive: true }).then(
      () => true,
      () => false,
    )
    if (gone) removed.push(name)
  }
  return removed
}

/** The same in a folder and those below it; links to other folders are not followed. */
export async function removeLeftoversBelow(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const below = entries.filter(entry => entry.isDirectory()).map(({ name }) => join(folder, name))
  await Promise.all([removeLeftovers(folder), ...below.map(removeLeftoversBelow)])
}

/** Whether a process of that number that began at that time runs; without the time, any of that number. */
function isAlive(pid: number, start: string): boolean {
  const began = startOf(pid)
  if (began !== undefined && start !== '0') return began === start
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Start of a process, in ticks since boot (Linux); numbers of processes are reused. */
function startOf(pid: number): string | undefined {
  try {
    // the name of the program, in brackets, may hold blanks and brackets itself
    const [, fields = ''] = /.*\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? []
    return fields.split(' ')[19]
  } catch {
    return undefined
  }
}

let ownStart: string | undefined
let here: string | undefined

/** The machine and its container, in which a process's number is valid. */
function place(): string {
  here ??= createHash('sha256').update(`${hostname()} ${processSpace()}`).digest('hex').slice(0, 8)
  return here
}

function processSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}
