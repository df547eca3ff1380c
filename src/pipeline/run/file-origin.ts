/** @file Identity of an input file: its state on the disk, and a hash of its bytes. Imports no torch. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { InputError } from '../../errors.ts'

export interface Origin {
  readonly path: string
  /** Size, times and inode: while they are the same, so is the content. */
  readonly state: string
  /** SHA-256 of the bytes; `unknown` when the file changed while it was read. */
  readonly content: string
}

/** The file as it is now; its bytes are read only when `known` is not of the same state. */
export async function originOf(path: string, known?: Origin): Promise<Origin> {
  const state = await stateOf(path)
  if (known?.path === path && known.state === state && known.content !== 'unknown') return known
  const content = await hashOfFile(path)
  return { path, state, content: (await stateOf(path)) === state ? content : 'unknown' }
}

/** The state of a file; `absent` when there is none. */
export async function stateOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined)
  return found === undefined ? 'absent' : `${found.size} ${found.mtimeNs} ${found.ctimeNs} ${found.ino}`
}

/** SHA-256 of a file's bytes. Throws InputError when it cannot be read. */
export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk)
  } catch (cause) {
    throw new InputError(path, 'cannot be read', { expected: 'is it there, and readable?', cause })
  }
  return hash.digest('hex')
}

/** SHA-256 of bytes or text. */
export function hashOf(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
