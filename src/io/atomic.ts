/** @file Files that are either whole or absent: written under a temporary name, then renamed. */
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError } from '../errors.ts'
import { timed } from './profile.ts'
import { temporaryName } from './temporary-name.ts'

export { removeLeftovers, removeLeftoversBelow } from './temporary-name.ts'

/** Node refuses single writes above 2 GiB. */
const CHUNK_BYTES = 256 * 1024 * 1024

export interface WriteOptions {
  /** Wait until the bytes are on the disk (fsync) before renaming: for checkpoints. */
  readonly durable?: boolean
}

/**
 * Writes text, bytes, or several buffers one after another; `path` holds the old or the new content, never
 * a part. Throws InputError on a full disk or a missing or read-only folder; then nothing is left behind.
 */
export function writeFileAtomic(
  path: string,
  data: string | Uint8Array | readonly Uint8Array[],
  { durable = false }: WriteOptions = {},
): Promise<void> {
  return timed('write', () => writeAndRename(path, data, durable))
}

async function writeAndRename(
  path: string,
  data: string | Uint8Array | readonly Uint8Array[],
  durable: boolean,
): Promise<void> {
  const temporary = join(dirname(path), temporaryName())
  const buffers =
    typeof data === 'string' ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : [...data]
  try {
    const file = await open(temporary, 'wx')
    try {
      for (const buffer of buffers) await writeAll(file, buffer)
      if (durable) await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    if (durable) await syncFolder(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw explainWriteError(path, error)
  }
}

/** Syncs the name to the disk too; file systems that cannot sync folders are left alone. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}

async function writeAll(file: FileHandle, buffer: Uint8Array): Promise<void> {
  for (let offset = 0; offset < buffer.byteLength; ) {
    const { bytesWritten } = await file.write(
      buffer,
      offset,
      Math.min(CHUNK_BYTES, buffer.byteLength - offset),
    )
    offset += bytesWritten
  }
}

/** Explains the system's code for a failed write; other errors are returned unchanged. */
export function explainWriteError(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const folder = dirname(path)
  const explain = (problem: string, expected: string) =>
    new InputError(path, `cannot be written: ${problem}`, { expected, cause: error })
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return explain('the disk is full', 'free some space and run again; what was there before is untouched')
    case 'EFBIG':
      return explain(
        'the file is larger than the system allows here',
        'choose another disk or raise the limit',
      )
    case 'ENOENT':
      return explain(`the folder ${folder} does not exist`, 'make it first')
    case 'ENOTDIR':
      return explain(`${folder} is not a folder`, 'choose a path inside a folder')
    case 'EISDIR':
    case 'ENOTEMPTY':
      return explain('a folder of that name is in the way', 'choose another name')
    case 'EACCES':
    case 'EPERM':
      return explain(
        `the folder ${folder} is read-only for this user`,
        'choose a folder that can be written to',
      )
    case 'EROFS':
      return explain('the disk is read-only', 'choose a folder on a disk that can be written to')
    case 'ENAMETOOLONG':
      return explain('the name is too long', 'choose a shorter one')
    case 'ERR_INVALID_ARG_VALUE':
      return explain('the name holds a NUL character', 'choose another name')
    case 'EINVAL':
      return explain('this disk does not take such a name', 'choose another name or another disk')
    case 'ELOOP':
      return explain(`${folder} is a link that leads back to itself`, 'choose another folder')
    case 'EMFILE':
    case 'ENFILE':
      return explain('too many files are open', 'raise the limit (ulimit -n) and run again')
    case 'EIO':
    case 'ESTALE':
    case 'ENXIO':
    case 'ENOTCONN':
      return explain(`the disk does not take it (${code})`, 'check the disk or the share and run again')
    default:
      return error
  }
}
