/**
 * @file Python's pickle format, read as inert data: nothing is imported, nothing is run. A global that is not
 * on the caller's allow-list ends the reading with its name. Knows the opcodes that protocols 2 to 5 write.
 */
import { InputError, TagmaskError } from '../errors.ts'

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickleObject
  | PickleGlobal

/** A Python object kept as data: its class's name and whatever attributes the file gives it. */
export class PickleObject {
  readonly type: string
  readonly attributes = new Map<PickleValue, PickleValue>()

  constructor(type: string) {
    this.type = type
  }

  /** What BUILD would pass to `__setstate__` or put in `__dict__`. */
  setState(state: PickleValue): void {
    if (!(state instanceof Map)) return
    for (const [key, value] of state) this.attributes.set(key, value)
  }
}

/** An allow-listed class or function; `call` stands in for calling it and must have no side effects. */
export class PickleGlobal {
  readonly call: (args: readonly PickleValue[]) => PickleValue

  constructor(call: (args: readonly PickleValue[]) => PickleValue) {
    this.call = call
  }
}

/** What is wrong inside a pickle; `unpickle` turns it into an InputError that names the file. */
export class PickleError extends TagmaskError {}

export interface UnpickleOptions {
  /** The value for the Python global `name` of `module`, or undefined to refuse it. */
  readonly findGlobal: (module: string, name: string) => PickleGlobal | PickleObject | undefined
  /** The value for a persistent id (PyTorch's storages); refused when absent. */
  readonly persistentLoad?: (id: PickleValue) => PickleValue
  /** Where in `bytes` the pickle begins. */
  readonly start?: number
}

/** Reads one pickle; `end` is the offset after it. Throws InputError naming `file` and what is refused. */
export function unpickle(
  file: string,
  bytes: Uint8Array,
  { findGlobal, persistentLoad, start = 0 }: UnpickleOptions,
): { value: PickleValue; end: number } {
  const machine = new Machine(bytes, start, findGlobal, persistentLoad)
  try {
    return { value: machine.run(), end: machine.position }
  } catch (error) {
    if (!(error instanceof PickleError)) throw error
    throw new InputError(file, error.message, { cause: error })
  }
}

/** Longest Python int read, in bytes: parsing grows with the square of it. */
const MAX_INT_BYTES = 1024

class Machine {
  position: number
  readonly #bytes: Buffer
  readonly #findGlobal: UnpickleOptions['findGlobal']
  readonly #persistentLoad: UnpickleOptions['persistentLoad']
  readonly #memo = new Map<number, PickleValue>()
  readonly #outer: PickleValue[][] = []
  #stack: PickleValue[] = []

  constructor(
    bytes: Uint8Array,
    start: number,
    findGlobal: UnpickleOptions['findGlobal'],
    persistentLoad: UnpickleOptions['persistentLoad'],
  ) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.position = start
    this.#findGlobal = findGlobal
    this.#persistentLoad = persistentLoad
  }

  run(): PickleValue {
    for (;;) {
      const code = this.#uint(1)
      if (code === 0x2e) return this.#pop()
      if (!this.#scalar(code) && !this.#container(code) && !this.#object(code)) {
        throw new PickleError(`is damaged: pickle opcode 0x${code.toString(16)} at byte ${this.position - 1}`)
      }
    }
  }

  #scalar(code: number): boolean {
    switch (String.fromCharCode(code)) {
      case 'N':
        return this.#push(null)
      case '\x88':
        return this.#push(true)
      case '\x89':
        return this.#push(false)
      case 'I':
        return this.#push(parseLine(this.#line()))
      case 'L':
        return this.#push(parseLine(this.#line().replace(/L$/, '')))
      case 'F':
        return this.#push(Number(this.#line()))
      case 'K':
        return this.#push(this.#uint(1))
      case 'M':
        return this.#push(this.#uint(2))
      case 'J':
        return this.#push(this.#take(4).readInt32LE())
      case 'G':
        return this.#push(this.#take(8).readDoubleBE())
      case '\x8a':
        return this.#push(parseInteger(this.#take(this.#uint(1))))
      case '\x8b':
        return this.#push(parseInteger(this.#take(this.#uint(4))))
      case 'X':
        return this.#push(this.#take(this.#uint(4)).toString('utf8'))
      case '\x8c':
        return this.#push(this.#take(this.#uint(1)).toString('utf8'))
      case '\x8d':
        return this.#push(this.#take(this.#uint64()).toString('utf8'))
      case 'U': // Python 2's str: text or bytes, so one character a byte
        return this.#push(this.#take(this.#uint(1)).toString('latin1'))
      case 'T':
        return this.#push(this.#take(this.#uint(4)).toString('latin1'))
      case 'C':
        return this.#push(this.#take(this.#uint(1)))
      case 'B':
        return this.#push(this.#take(this.#uint(4)))
      case '\x8e':
      case '\x96':
        return this.#push(this.#take(this.#uint64()))
      default:
        return false
    }
  }

  #container(code: number): boolean {
    switch (String.fromCharCode(code)) {
      case '(':
        this.#outer.push(this.#stack)
        this.#stack = []
        return true
      case '0':
        this.#pop()
        return true
      case '1':
        this.#popMark()
        return true
      case '2':
        return this.#push(this.#top())
      case ')':
      case ']':
        return this.#push([])
      case '}':
        return this.#push(new Map())
      case '\x8f':
        return this.#push(new Set())
      case 't':
      case 'l':
        return this.#push(this.#popMark())
      case 'd':
        return this.#push(toMap(this.#popMark()))
      case '\x91':
        return this.#push(new Set(this.#popMark()))
      case '\x85':
        return this.#push(this.#popMany(1))
      case '\x86':
        return this.#push(this.#popMany(2))
      case '\x87':
        return this.#push(this.#popMany(3))
      case 'a':
        return this.#extend(this.#popMany(1))
      case 'e':
      case '\x90':
        return this.#extend(this.#popMark())
      case 's':
        return this.#setItems(this.#popMany(2))
      case 'u':
        return this.#setItems(this.#popMark())
      default:
        return false
    }
  }

  #object(code: number): boolean {
    switch (String.fromCharCode(code)) {
      case '\x80': {
        const protocol = this.#uint(1)
        if (protocol > 5)
          throw new PickleError(`is a pickle of protocol ${protocol}; 5 is the last one known`)
        return true
      }
      case '\x95':
        this.#uint64()
        return true
      case 'q':
        return this.#remember(this.#uint(1))
      case 'r':
        return this.#remember(this.#uint(4))
      case 'p':
        return this.#remember(Number(this.#line()))
      case '\x94':
        return this.#remember(this.#memo.size)
      case 'h':
        return this.#recall(this.#uint(1))
      case 'j':
        return this.#recall(this.#uint(4))
      case 'g':
        return this.#recall(Number(this.#line()))
      case 'c':
        return this.#push(this.#global(this.#line(), this.#line()))
      case '\x93': {
        const [module, name] = this.#popMany(2)
        return this.#push(this.#global(String(module), String(name)))
      }
      case 'R':
      case '\x81': {
        const [callee, args] = this.#popMany(2)
        return this.#call(callee, args)
      }
      case '\x92': {
        const [callee, args] = this.#popMany(3)
        return this.#call(callee, args)
      }
      case 'b':
        return this.#build()
      case 'Q': {
        if (this.#persistentLoad === undefined) throw new PickleError('refers to data outside the file')
        return this.#push(this.#persistentLoad(this.#pop()))
      }
      default:
        return false
    }
  }

  #global(module: string, name: string): PickleGlobal | PickleObject {
    const found = this.#findGlobal(module, name)
    if (found !== undefined) return found
    throw new PickleError(
      `refused: it would run or build Python's ${module}.${name}, which is not plain data; ` +
        'use a checkpoint of tensors, numbers and text only (a state_dict)',
    )
  }

  #call(callee: PickleValue | undefined, args: PickleValue | undefined): boolean {
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args)) {
      throw new PickleError('is damaged: it calls something that is not a function')
    }
    return this.#push(callee.call(args))
  }

  #build(): boolean {
    const state = this.#pop()
    const target = this.#top()
    if (target instanceof PickleObject) target.setState(state)
    // an OrderedDict's own attributes (a state dict's _metadata) carry no weights
    else if (!(target instanceof Map)) throw new PickleError('is damaged: it sets the state of a plain value')
    return true
  }

  #extend(items: readonly PickleValue[]): boolean {
    const target = this.#top()
    if (Array.isArray(target)) for (const item of items) target.push(item)
    else if (target instanceof Set) for (const item of items) target.add(item)
    else throw new PickleError('is damaged: it appends to something that is not a list')
    return true
  }

  #setItems(items: readonly PickleValue[]): boolean {
    const target = this.#top()
    if (!(target instanceof Map))
      throw new PickleError('is damaged: it sets items of something not a dictionary')
    for (const [key, value] of toMap(items)) target.set(key, value)
    return true
  }

  #remember(index: number): boolean {
    this.#memo.set(index, this.#top())
    return true
  }

  #recall(index: number): boolean {
    const value = this.#memo.get(index)
    if (value === undefined)
      throw new PickleError(`is damaged: it recalls memo ${index}, which was never set`)
    return this.#push(value)
  }

  #push(value: PickleValue): true {
    this.#stack.push(value)
    return true
  }

  #pop(): PickleValue {
    const value = this.#stack.pop()
    if (value === undefined) throw new PickleError('is damaged: the pickle takes more values than it made')
    return value
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1)
    if (value === undefined) throw new PickleError('is damaged: the pickle takes more values than it made')
    return value
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length < count)
      throw new PickleError('is damaged: the pickle takes more values than it made')
    return this.#stack.splice(-count)
  }

  #popMark(): PickleValue[] {
    const items = this.#stack
    const outer = this.#outer.pop()
    if (outer === undefined) throw new PickleError('is damaged: a mark is missing in the pickle')
    this.#stack = outer
    return items
  }

  #take(length: number): Buffer {
    const end = this.position + length
    if (end > this.#bytes.length) throw new PickleError('is cut off in the middle of its pickle')
    const bytes = this.#bytes.subarray(this.position, end)
    this.position = end
    return bytes
  }

  #uint(bytes: 1 | 2 | 4): number {
    return this.#take(bytes).readUIntLE(0, bytes)
  }

  #uint64(): number {
    return Number(this.#take(8).readBigUInt64LE())
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position)
    if (end < 0) throw new PickleError('is cut off in the middle of its pickle')
    return this.#take(end + 1 - this.position)
      .toString('utf8')
      .slice(0, -1)
  }
}

function toMap(items: readonly PickleValue[]): Map<PickleValue, PickleValue> {
  if (items.length % 2 !== 0) throw new PickleError('is damaged: a dictionary key without a value')
  const map = new Map<PickleValue, PickleValue>()
  for (let i = 0; i < items.length; i += 2) map.set(items[i]!, items[i + 1]!)
  return map
}

function parseLine(line: string): PickleValue {
  if (line === '00' || line === '01') return line === '01'
  if (!/^[+-]?\d{1,300}$/.test(line)) throw new PickleError('is damaged: a whole number is not one')
  return narrow(BigInt(line))
}

/** Little-endian two's complement of any length. */
function parseInteger(bytes: Uint8Array): number | bigint {
  if (bytes.length > MAX_INT_BYTES) throw new PickleError(`holds a whole number of ${bytes.length} bytes`)
  const hex = Buffer.from(bytes).reverse().toString('hex')
  return narrow(BigInt.asIntN(bytes.length * 8, BigInt(hex === '' ? 0 : `0x${hex}`)))
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
