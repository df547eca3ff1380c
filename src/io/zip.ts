/** @file Zip archives by name, for .pth and .npz: stored entries are read by offset, deflated ones inflated, each checked. */
import { constants } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import yauzl from 'yauzl'
import { InputError } from '../errors.ts'
import { eachBlock } from './blocks.ts'
import { briefName } from './brief.ts'
import { Budget, MAX_ENTRIES } from './budget.ts'
import { crc32 } from './checksum.ts'
import { textOf } from './printable.ts'
import { readRange, withFile } from './read-range.ts'

export interface ZipEntry {
  /** Bytes once inflated, as the archive claims. */
  readonly size: number
  /** `look` sees the bytes in blocks, as eachBlock passes them, while they are compared with the checksum. */
  readonly read: (look?: (words: Int32Array, count: number) => void) => Promise<Uint8Array>
}

const CHUNK_BYTES = 1024 * 1024
const WINDOW_BYTES = 64 * 1024
const LOCAL_HEADER = 0x04034b50
const ROOM_WINDOW = 4 * 1024 * 1024

const EXPECTED = 'an archive that was copied or downloaded completely'

/**
 * Opens the archive, passes its entries by name and its own size, closes. Throws InputError when it is cut off or
 * damaged, when entries overlap, or when they would inflate to more than its size can hold.
 */
export function withZip<T>(
  path: string,
  use: (entries: Map<string, ZipEntry>, size: number) => Promise<T>,
): Promise<T> {
  return withFile(path, async (file, size) => {
    const reader = new BoundedReader(path, file, size)
    const options = { lazyEntries: true, autoClose: false }
    const zip = await explained(path, () => yauzl.fromRandomAccessReaderPromise(reader, size, options))
    try {
      const read = (begin: number, end: number, into: Buffer) => readRange(path, file, begin, end, { into })
      const room = size <= constants.MAX_LENGTH ? new Room(size, read) : undefined
      const entries = await explained(path, () => listEntries({ path, file, size, zip, room }))
      reader.listed()
      return await use(entries, size)
    } finally {
      zip.close()
    }
  })
}

interface Archive {
  readonly path: string
  readonly file: FileHandle
  readonly size: number
  readonly zip: yauzl.ZipFile
  /** Undefined where no buffer holds the file. */
  readonly room: Room | undefined
}

/**
 * The file in one buffer, read in windows when they are needed: many buffers make the collector run, and many small reads take
 * as long as what they read. Data keep the alignment that they have in the file; pages that nothing is read into take no memory.
 */
class Room {
  readonly bytes: Buffer
  readonly #read: (begin: number, end: number, into: Buffer) => Promise<unknown>
  readonly #windows = new Map<number, Promise<unknown>>()

  constructor(size: number, read: (begin: number, end: number, into: Buffer) => Promise<unknown>) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.#read = read
  }

  async load(begin: number, end: number): Promise<void> {
    const windows: Promise<unknown>[] = []
    for (let start = begin - (begin % ROOM_WINDOW); start < end; start += ROOM_WINDOW) {
      const until = Math.min(start + ROOM_WINDOW, this.bytes.byteLength)
      const reading = this.#windows.get(start) ?? this.#read(start, until, this.bytes.subarray(start, until))
      this.#windows.set(start, reading)
      windows.push(reading)
    }
    await Promise.all(windows)
  }
}

async function listEntries(archive: Archive): Promise<Map<string, ZipEntry>> {
  const { path, size, zip } = archive
  if (zip.entryCount > MAX_ENTRIES) {
    throw new InputError(path, `has ${zip.entryCount} entries`, { expected: `${MAX_ENTRIES} at most` })
  }
  const budget = Budget.forInflating(path, size)
  const entries = new Map<string, ZipEntry>()
  let packed = 0
  for await (const entry of zip.eachEntry()) {
    const field = briefName(entry.fileName)
    packed += entry.compressedSize
    if (packed > size) throw new InputError(path, 'is damaged: its entries lie over one another', { field })
    if (entries.has(entry.fileName))
      throw new InputError(path, 'is damaged: it has two entries of this name', { field })
    entries.set(entry.fileName, {
      size: entry.uncompressedSize,
      read: async look => {
        const stored = entry.compressionMethod === 0 && !entry.isEncrypted()
        const bytes = stored ? await readStored(archive, entry) : await inflate(archive, entry, budget)
        let sum = 0
        eachBlock(bytes, (block, words, count) => {
          sum = crc32(block, sum)
          look?.(words, count)
        })
        // 0 is what writers leave that keep no checksum
        if (entry.crc32 !== 0 && sum !== entry.crc32) {
          const problem = 'is damaged: what it holds does not fit its checksum'
          throw new InputError(path, problem, { field, expected: 'copy or download it again' })
        }
        return bytes
      },
    })
  }
  return entries
}

/** The entry's own header tells where its data are: after 30 bytes, the name, and an extra field. */
async function readStored(archive: Archive, entry: yauzl.Entry): Promise<Uint8Array> {
  const { path, size, room } = archive
  const { relativeOffsetOfLocalHeader: begin, compressedSize: length } = entry
  if (room === undefined || begin + 30 > size) return readApart(archive, entry)
  const field = briefName(entry.fileName)
  const { bytes } = room
  await room.load(begin, Math.min(size, begin + 30))
  if (bytes.readUInt32LE(begin) !== LOCAL_HEADER)
    throw new InputError(path, 'is a damaged archive', { field, expected: EXPECTED })
  const start = begin + 30 + bytes.readUInt16LE(begin + 26) + bytes.readUInt16LE(begin + 28)
  const end = start + length
  if (end > size) throw new InputError(path, 'is cut off', { field, expected: EXPECTED })
  await room.load(start, end)
  return bytes.subarray(start, end)
}

/** For archives that no buffer holds. */
async function readApart({ path, file, zip }: Archive, entry: yauzl.Entry): Promise<Uint8Array> {
  const { fileDataStart } = await explained(path, () =>
    zip.readLocalFileHeaderPromise(entry, { minimal: true }),
  )
  const end = fileDataStart + entry.compressedSize
  if (end > zip.fileSize)
    throw new InputError(path, 'is cut off', { field: briefName(entry.fileName), expected: EXPECTED })
  return readRange(path, file, fileDataStart, end)
}

function inflate({ path, zip }: Archive, entry: yauzl.Entry, budget: Budget): Promise<Uint8Array> {
  budget.spend(entry.uncompressedSize, briefName(entry.fileName))
  return explained(path, async () => {
    const stream = await zip.openReadStreamPromise(entry)
    // Slow: aligned, as in readRange; yauzl ends the stream with an error when it is longer or shorter
    const bytes = Buffer.allocUnsafeSlow(entry.uncompressedSize)
    let at = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) at += chunk.copy(bytes, at)
    return bytes
  })
}

/** Reads for yauzl, whose own reader throws uncatchably when a damaged archive points outside the file. */
class BoundedReader extends yauzl.RandomAccessReader {
  readonly #path: string
  readonly #file: FileHandle
  readonly #size: number
  /** While the entries are listed, which takes several small reads for each: the part of the directory around the last one. */
  #window: { readonly start: number; readonly bytes: Buffer } | undefined
  #lists = true

  constructor(path: string, file: FileHandle, size: number) {
    super()
    this.#path = path
    this.#file = file
    this.#size = size
  }

  listed(): void {
    this.#lists = false
    this.#window = undefined
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
    if (!this.#lists || end - start > WINDOW_BYTES) return readRange(this.#path, this.#file, start, end)
    const known = this.#window
    if (known !== undefined && start >= known.start && end <= known.start + known.bytes.byteLength)
      return known.bytes.subarray(start - known.start, end - known.start)
    const until = Math.min(this.#size, start + WINDOW_BYTES)
    const bytes = await readRange(this.#path, this.#file, start, until)
    this.#window = { start, bytes }
    return bytes.subarray(0, end - start)
  }
}

async function explained<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (cause) {
    if (cause instanceof InputError) throw cause
    const message = textOf(cause)
    const problem = /end of central directory/i.test(message) ? 'is cut off' : 'is a damaged archive'
    throw new InputError(path, `${problem} (${briefName(message)})`, { expected: EXPECTED, cause })
  }
}
