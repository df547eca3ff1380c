/** @file The lists of a large JSON object, an element at a time, with the place of each in the file: it never lies in memory as a whole. */
import { InputError } from '../errors.ts'
import { megabytes } from './budget.ts'
import { readRange, withFile } from './read-range.ts'

/** An element and its bytes in the file. */
export interface JsonElement extends JsonPlace {
  readonly value: unknown
  /** In its list, from 0. */
  readonly index: number
}

/** Where a JSON value lies in a file. */
export interface JsonPlace {
  readonly at: number
  readonly bytes: number
}

export interface JsonListOptions {
  /** Gets the elements of each list, by the name of the list, in the order of the file; other parts are skipped. */
  readonly lists: Readonly<Record<string, (element: JsonElement) => void>>
}

const CHUNK = 4 * 2 ** 20
const MOST_BYTES = 128 * 2 ** 20 // of one element: a mask of 200 megapixels as run lengths has a tenth
const EXPECTED = 'download it again'

/**
 * Reads the file once and returns the names of the lists that it has. Throws InputError when it is no JSON object or cut
 * short; what a skipped part holds is not checked.
 */
export async function readJsonLists(path: string, { lists }: JsonListOptions): Promise<Set<string>> {
  const scanner = new Scanner(path, lists)
  await withFile(path, async (file, size) => {
    for (let at = 0; at < size; at += CHUNK)
      scanner.take(await readRange(path, file, at, Math.min(size, at + CHUNK)), at)
  })
  return scanner.end()
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [0x5b, 0x5d, 0x7b, 0x7d]
const MARK = [0xef, 0xbb, 0xbf] // byte order mark

/** Follows strings and brackets byte by byte; only elements of wanted lists are parsed. */
class Scanner {
  readonly #path: string
  readonly #lists: JsonListOptions['lists']
  readonly #found = new Set<string>()
  readonly #keys = new Set<string>()
  #depth = 0
  #inText = false
  #escaped = false
  #over = false
  /** Bytes of the text or element that is open, from the chunks before. */
  #kept: Buffer[] = []
  #keptBytes = 0
  /** Offset in the file of the open text or element; -1: none. */
  #begin = -1
  /** The last text of the object itself, and the key whose value comes. */
  #key: string | undefined
  #value: string | undefined
  #list: ((element: JsonElement) => void) | undefined
  #index = 0

  constructor(path: string, lists: JsonListOptions['lists']) {
    this.#path = path
    this.#lists = lists
  }

  take(chunk: Buffer, offset: number): void {
    for (let i = 0; i < chunk.length; i++) {
      if (this.#inText) {
        i = this.#passText(chunk, i)
        if (!this.#inText && this.#depth === 1) this.#key = this.#close(chunk, i + 1, offset) as string
        continue
      }
      if (this.#depth > 2) i = passPlain(chunk, i)
      const byte = chunk[i]
      if (byte === undefined || byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) continue
      this.#step(byte, chunk, i, offset)
    }
    if (this.#begin < 0) return
    const from = Math.max(0, this.#begin - offset)
    this.#keptBytes += chunk.length - from
    if (this.#keptBytes > MOST_BYTES)
      throw new InputError(this.#path, `has an entry of more than ${megabytes(MOST_BYTES)}`, {
        expected: EXPECTED,
      })
    this.#kept.push(chunk.subarray(from))
  }

  /** The lists that there are. Throws InputError when the object is not closed. */
  end(): Set<string> {
    if (!this.#over) throw this.#broken()
    return this.#found
  }

  /** The place of the quote that ends the open text, or of the last byte of the chunk. */
  #passText(chunk: Buffer, from: number): number {
    let escaped = this.#escaped
    for (let i = from; i < chunk.length; i++) {
      const byte = chunk[i]
      if (escaped) escaped = false
      else if (byte === BACKSLASH) escaped = true
      else if (byte === QUOTE) {
        this.#inText = false
        this.#escaped = false
        return i
      }
    }
    this.#escaped = escaped
    return chunk.length - 1
  }

  #step(byte: number, chunk: Buffer, i: number, offset: number): void {
    const at = offset + i
    if (this.#depth === 0) {
      if (at < MARK.length && byte === MARK[at]) return
      if (byte !== OPEN || this.#over) throw this.#broken()
      this.#depth = 1
      return
    }
    const between = this.#depth === 2 && this.#list !== undefined
    if (between && this.#begin < 0 && byte !== COMMA && byte !== CLOSE_LIST) this.#begin = at
    switch (byte) {
      case QUOTE:
        this.#inText = true
        if (this.#depth === 1) this.#begin = at
        break
      case OPEN_LIST:
      case OPEN:
        if (this.#depth === 1) this.#enter(byte)
        this.#depth++
        break
      case CLOSE_LIST:
      case CLOSE:
        if (between) this.#element(chunk, i, offset)
        this.#depth--
        if (this.#depth === 1) this.#list = undefined
        this.#over = this.#depth === 0
        break
      case COMMA:
        if (between) this.#element(chunk, i, offset)
        if (this.#depth === 1) this.#value = undefined
        break
      case COLON:
        if (this.#depth === 1) this.#name()
        break
    }
  }

  /** The last text was a key of the object. */
  #name(): void {
    const key = this.#key
    if (key === undefined) throw this.#broken()
    if (this.#keys.has(key))
      throw new InputError(this.#path, `has "${key}" twice`, { field: key, expected: 'one list of each' })
    if (Object.hasOwn(this.#lists, key)) this.#keys.add(key)
    this.#value = key
    this.#key = undefined
  }

  /** A list or an object of the object begins. */
  #enter(byte: number): void {
    const key = this.#value
    if (key === undefined) throw this.#broken()
    if (byte !== OPEN_LIST || !Object.hasOwn(this.#lists, key)) return
    this.#found.add(key)
    this.#list = this.#lists[key]
    this.#index = 0
  }

  #element(chunk: Buffer, end: number, offset: number): void {
    if (this.#begin < 0) return // an empty list, or a comma after an element that is closed
    const at = this.#begin
    const value = this.#close(chunk, end, offset)
    this.#list!({ value, index: this.#index++, at, bytes: offset + end - at })
  }

  /** The value that began at `#begin` and ends before `end` of the chunk. */
  #close(chunk: Buffer, end: number, offset: number): unknown {
    const last = chunk.subarray(Math.max(0, this.#begin - offset), end)
    const whole = this.#kept.length === 0 ? last : Buffer.concat([...this.#kept, last])
    this.#kept = []
    this.#keptBytes = 0
    this.#begin = -1
    try {
      return JSON.parse(whole.toString('utf8'))
    } catch (cause) {
      throw this.#broken(cause)
    }
  }

  #broken(cause?: unknown): InputError {
    return new InputError(this.#path, 'is cut short or no JSON', { expected: EXPECTED, cause })
  }
}

/** The place of the next quote or bracket: inside an element nothing else counts. */
function passPlain(chunk: Buffer, from: number): number {
  let i = from
  for (; i < chunk.length; i++) {
    const byte = chunk[i]!
    if (byte === QUOTE || (byte | 0x20) === OPEN || (byte | 0x20) === CLOSE) break // [ and { differ in that bit
  }
  return i
}

/** The values at these places of a file. Throws InputError when they are no longer there. */
export async function readJsonPlaces(path: string, places: readonly JsonPlace[]): Promise<unknown[]> {
  return withFile(path, async (file, size) => {
    const values: unknown[] = []
    for (const { at, bytes } of places) {
      try {
        if (at + bytes > size) throw new RangeError('past the end')
        values.push(JSON.parse((await readRange(path, file, at, at + bytes)).toString('utf8')))
      } catch (cause) {
        throw new InputError(path, 'has changed since it was first read', { expected: 'run again', cause })
      }
    }
    return values
  })
}
