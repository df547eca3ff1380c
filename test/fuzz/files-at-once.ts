/**
 * @file Files are read by the thread that asks: a way to libuv's threads and back takes longer than most of these readers
 * (measured: a third of the time). What is read, and the errors of the system, are the same.
 */
import fs from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const NAMES = ['access', 'lstat', 'readFile', 'readdir', 'realpath', 'stat'] as const

/** The part of a FileHandle that readers use; any other call is a TypeError, which the fuzzer tells. */
class ReadHandle {
  readonly fd: number

  constructor(path: string) {
    this.fd = fs.openSync(path, 'r')
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number) {
    return { bytesRead: fs.readSync(this.fd, buffer, offset, length, position), buffer }
  }

  async stat() {
    return fs.fstatSync(this.fd)
  }

  async readFile(options?: BufferEncoding) {
    return fs.readFileSync(this.fd, options)
  }

  async close() {
    fs.closeSync(this.fd)
  }
}

/** Changes `node:fs/promises` of this process. */
export function readAtOnce(): void {
  for (const name of NAMES) {
    const own = promises[name] as (...args: unknown[]) => Promise<unknown>
    const now = fs[`${name}Sync`] as (...args: unknown[]) => unknown
    Reflect.set(promises, name, async (...args: unknown[]) =>
      typeof args[0] === 'string' ? now(...args) : own(...args),
    )
  }
  const open = promises.open
  Reflect.set(promises, 'open', async (path: string, flags?: string | number, mode?: number) =>
    flags === undefined || flags === 'r' ? new ReadHandle(path) : open(path, flags, mode),
  )
  syncBuiltinESMExports()
}
