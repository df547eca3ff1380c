/** @file Writes zip archives piece by piece: memory is that of one entry, whatever the archive's size (ZIP64). */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { ZipFile } from 'yazl'
import { InputError } from '../errors.ts'

/** A file of an archive; folders in its name are made by unpacking. */
export interface ZipItem {
  readonly name: string
  readonly data: string | Uint8Array
}

/** The same files give the same bytes: no time is kept but the first that a zip can name. */
const MTIME = new Date(1980, 0, 1)

/** The bytes of an archive of the items, in their order. The next item is asked for once the last has been taken. */
export async function* zipped(items: AsyncIterable<ZipItem>): AsyncGenerator<Uint8Array> {
  const zip = new ZipFile()
  const output = zip.outputStream as Readable
  const closed = once(output, 'close')
  closed.catch(() => undefined)
  const fill = async (): Promise<void> => {
    for await (const { name, data } of items) {
      if (name.includes('\\'))
        throw new InputError(name, 'has a backslash in its name, which zip archives take for a folder', {
          expected: 'rename the file',
        })
      const source = Readable.from([Buffer.from(data)])
      const taken = once(source, 'end')
      // not addBuffer: yazl keeps the bytes of those until its end
      zip.addReadStreamLazy(name, { mtime: MTIME, mode: 0o100644, forceDosTimestamp: true }, give =>
        give(null, source),
      )
      await Promise.race([taken, closed])
      if (output.destroyed) return
    }
    zip.end()
  }
  const filled = fill()
  filled.catch(error => output.destroy(error))
  try {
    yield* output as AsyncIterable<Buffer>
    await filled
  } finally {
    output.destroy()
  }
}
