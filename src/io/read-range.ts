/** @file Reads parts of a file, of any size, with errors that name it. */
import { type FileHandle, open } from 'node:fs/promises'
import { InputError } from '../errors.ts'

/** Node refuses single reads above 2 GiB. */
const CHUNK_BYTES = 1024 * 1024 * 1024

/** Opens `path`, passes the handle and the size in bytes, closes. Throws InputError when it cannot be opened. */
export async function withFile<T>(
  path: string,
  use: (file: FileHandle, size: number) => Promise<T>,
): Promise<T> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw explainReadError(path, error)
  }
  try {
    const stat = await file.stat()
    if (stat.isDirectory()) throw new InputError(path, 'is a folder', { expected: 'a file' })
    return await use(file, stat.size)
  } finally {
    await file.close()
  }
}

/** The bytes [begin, end) of the file, in a buffer of their own that starts aligned. */
export async function readRange(path: string, file: FileHandle, begin: number, end: number): Promise<Buffer> {
  // Slow: not from Node's pool, so the buffer starts at offset 0 and typed views of it are aligned
  const buffer = Buffer.allocUnsafeSlow(end - begin)
  for (let done = 0; done < buffer.byteLength; ) {
    const { bytesRead } = await file.read(
      buffer,
      done,
      Math.min(CHUNK_BYTES, buffer.byteLength - done),
      begin + done,
    )
    if (bytesRead === 0) throw new InputError(path, 'became shorter while it was read')
    done += bytesRead
  }
  return buffer
}

/** Says in words what the system's code for a failed open means; other errors come back as they are. */
export function explainReadError(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ENOTDIR') return new InputError(path, 'does not exist', { cause: error })
  if (code === 'EACCES' || code === 'EPERM') {
    return new InputError(path, 'cannot be read by this user', { expected: 'a readable file', cause: error })
  }
  return error
}
