/** @file Zip archives by name, for .pth and .npz: stored entries are read by offset, deflated ones inflated. */
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import yauzl from 'yauzl'
import { InputError } from '../errors.ts'
import { readRange, withFile } from './read-range.ts'

export interface ZipEntry {
  /** Bytes once inflated, as the archive claims. */
  readonly size: number
  readonly read: () => Promise<Uint8Array>
}

const CHUNK_BYTES = 1024 * 1024

const EXPECTED = 'an archive that was copied or downloaded completely'

/** Opens the archive, passes its entries by name, closes. Throws InputError when it is cut off or damaged. */
export function withZip<T>(path: string, use: (entries: Map<string, ZipEntry>) => Promise<T>): Promise<T> {
  return withFile(path, async (file, size) => {
    const reader = new BoundedReader(path, file, size)
    const options = { lazyEntries: true, autoClose: false }
    const zip = await explained(path, () => yauzl.fromRandomAccessReaderPromise(reader, size, options))
    try {
      const entries = new Map<string, ZipEntry>()
      await explained(path, async () => {
        for await (const entry of zip.eachEntry()) {
          const read = async () => {
            if (entry.compressionMethod !== 0 || entry.isEncrypted()) {
              return explained(path, async () => collect(await zip.openReadStreamPromise(entry)))
            }
            const { fileDataStart } = await explained(path, () =>
              zip.readLocalFileHeaderPromise(entry, { minimal: true }),
            )
            if (fileDataStart + entry.compressedSize > zip.fileSize) {
              throw new InputError(path, 'is cut off', { field: entry.fileName, expected: EXPECTED })
            }
            return readRange(path, file, fileDataStart, fileDataStart + entry.compressedSize)
          }
          entries.set(entry.fileName, { size: entry.uncompressedSize, read })
        }
      })
      return await use(entries)
    } finally {
      zip.close()
    }
  })
}

/** Reads for yauzl; its own reader throws where nobody can catch when a damaged archive points outside the file. */
class BoundedReader extends yauzl.RandomAccessReader {
  readonly #path: string
  readonly #file: FileHandle
  readonly #size: number

  constructor(path: string, file: FileHandle, size: number) {
    super()
    this.#path = path
    this.#file = file
    this.#size = size
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#range(position, position + length).then(bytes => {
      bytes.copy(buffer, offset)
      callback(null)
    }, callback)
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#chunks(start, end))
  }

  async *#chunks(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end; at += CHUNK_BYTES) yield this.#range(at, Math.min(at + CHUNK_BYTES, end))
  }

  async #range(start: number, end: number): Promise<Buffer> {
    if (start < 0 || end > this.#size) throw new InputError(this.#path, 'is cut off', { expected: EXPECTED })
    return readRange(this.#path, this.#file, start, end)
  }
}

async function explained<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    if (cause instanceof InputError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    const problem = /end of central directory/i.test(message) ? 'is cut off' : 'is a damaged archive'
    throw new InputError(path, `${problem} (${message})`, { expected: EXPECTED, cause })
  }
}

async function collect(stream: Readable): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return new Uint8Array(Buffer.concat(chunks))
}
