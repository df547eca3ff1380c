/** @file Reads files and parts of them, of any size, with errors that name them. Only regular files are read. */
import { constants } from 'node:buffer'
import { constants as modes, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { InputError } from '../errors.ts'
import { megabytes } from './budget.ts'

/** Node refuses single reads above 2 GiB. */
const CHUNK_BYTES = 1024 * 1024 * 1024
const LOOK_BYTES = 1024 * 1024

/** Opens `path`, passes the handle and the size in bytes, closes. Throws InputError when it cannot be opened. */
export async function withFile<T>(
  path: string,
  use: (file: FileHandle, size: number) => Promise<T>,
): Promise<T> {
  // the opening of a pipe would else wait for its writer
  const file = await open(path, modes.O_RDONLY | modes.O_NONBLOCK).catch((error: unknown) => {
    throw explainReadError(path, error)
  })
  try {
    const found = await file.stat()
    checkRegular(path, found)
    return await use(file, found.size)
  } finally {
    await file.close()
  }
}

export interface ReadOptions {
  /** The end of the bytes, in place of their start, is at a multiple of so many. */
  readonly alignEnd?: number
  /** Room of this length, in place of a new buffer. */
  readonly into?: Buffer | undefined
  /** Sees the bytes in order, in pieces of 1 MiB, each while the next is read; `at`: where the piece begins in them. */
  readonly look?: (piece: Uint8Array, at: number) => void
}

/** All bytes of a file, in a buffer of their own that starts aligned. Throws InputError. */
export function readWhole(path: string, options: ReadOptions = {}): Promise<Buffer> {
  return withFile(path, (file, size) => readRange(path, file, 0, size, options))
}

/** The bytes [begin, end) of the file, in a buffer of their own that starts aligned. */
export async function readRange(
  path: string,
  file: FileHandle,
  begin: number,
  end: number,
  { alignEnd = 1, into, look }: ReadOptions = {},
): Promise<Buffer> {
  if (end - begin > constants.MAX_LENGTH) {
    const problem = `has ${megabytes(end - begin)} in one piece, and this Node holds ${megabytes(constants.MAX_LENGTH)}`
    throw new InputError(path, problem, { expected: 'use Node 22 or later' })
  }
  // Slow: not from Node's pool, so the buffer starts at offset 0 and typed views of it are aligned
  const spare = (alignEnd - ((end - begin) % alignEnd)) % alignEnd
  const buffer = into ?? Buffer.allocUnsafeSlow(spare + end - begin).subarray(spare)
  const most = look === undefined ? CHUNK_BYTES : LOOK_BYTES
  let seen = 0
  for (let done = 0; done < buffer.byteLength; ) {
    const reading = file.read(buffer, done, Math.min(most, buffer.byteLength - done), begin + done)
    if (seen < done) look?.(buffer.subarray(seen, done), seen)
    seen = done
    const { bytesRead } = await reading.catch((error: unknown) => {
      throw explainReadError(path, error)
    })
    if (bytesRead === 0) throw new InputError(path, 'became shorter while it was read')
    done += bytesRead
  }
  if (seen < buffer.byteLength) look?.(buffer.subarray(seen), seen)
  return buffer
}

/** Explains the system's code for a failed open; other errors are returned unchanged. */
export function explainReadError(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const explain = (problem: string, expected?: string) =>
    new InputError(path, problem, { ...(expected === undefined ? {} : { expected }), cause: error })
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return explain('does not exist')
    case 'EACCES':
    case 'EPERM':
      return explain('cannot be read by this user', 'a readable file')
    case 'EISDIR':
      return explain('is a folder', 'a file')
    case 'ELOOP':
      return explain('is a link that leads back to itself', 'a file')
    case 'ENAMETOOLONG':
      return explain('the name is too long for this disk', 'a shorter name')
    case 'ERR_INVALID_ARG_VALUE':
      return explain('the name holds a NUL character', 'the name of a file')
    case 'ENXIO': // what opening a socket gives
      return explain('is a socket or a device', 'a file')
    case 'EIO':
    case 'ESTALE':
    case 'ENOTCONN':
    case 'EHOSTDOWN':
    case 'ETIMEDOUT':
      return explain(`the disk does not give it (${code})`, 'check the disk or the share, then run again')
    case 'EMFILE':
    case 'ENFILE':
      return explain('too many files are open', 'raise the limit (ulimit -n), then run again')
    default:
      return error
  }
}

/** Refuses pipes and devices, which may never end. */
function checkRegular(path: string, found: Stats): void {
  if (found.isFile()) return
  if (found.isDirectory()) throw new InputError(path, 'is a folder', { expected: 'a file' })
  throw new InputError(path, `is a ${found.isFIFO() ? 'pipe' : 'device'}`, { expected: 'a file' })
}
