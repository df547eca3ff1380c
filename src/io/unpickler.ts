/**
 * @file Python's pickle format, read as inert data: nothing is imported, nothing is run. A global that is not
 * on the caller's allow-list ends the reading with its name. Knows the opcodes of protocols 0 to 5.
 */
import { InputError } from '../errors.ts'
import { briefName } from './brief.ts'
import { Budget, MAX_DEPTH } from './budget.ts'
import { PickleBytes } from './pickle-bytes.ts'
import { parseEscaped, parseInteger, parseLine, parseQuoted } from './pickle-literal.ts'
import { checkKey, PickleError, PickleGlobal, PickleObject, type PickleValue, toMap } from './pickle-value.ts'

export type { PickleValue } from './pickle-value.ts'

export interface UnpickleOptions {
  /** The value for the Python global `name` of `module`, or undefined to refuse it. */
  readonly findGlobal: (module: string, name: string) => PickleGlobal | PickleObject | undefined
  /** The value for a persistent id (PyTorch's storages); refused when absent. */
  readonly persistentLoad?: (id: PickleValue) => PickleValue
  /** Offset of the pickle in `bytes`. */
  readonly start?: number
  /** Limit on the values of the pickle; that of a file of these bytes when absent. */
  readonly budget?: Budget
}

/** Reads one pickle; `end` is the offset after it. Throws InputError naming `file` and what is refused. */
export function unpickle(
  file: string,
  bytes: Uint8Array,
  {
    findGlobal,
    persistentLoad,
    start = 0,
    budget = Budget.forCopies(file, bytes.byteLength),
  }: UnpickleOptions,
): { value: PickleValue; end: number } {
  const machine = new Machine(bytes, { start, budget, findGlobal, persistentLoad })
  try {
    return { value: machine.run(), end: machine.position }
  } catch (error) {
    if (!(error instanceof PickleError)) throw error
    throw new InputError(file, error.message, { cause: error })
  }
}

const PLAIN = 'use a checkpoint of tensors, numbers and text only (a state_dict)'

/** About the bytes of memory behind one value on the stack, an empty list, an empty dictionary, an object, a memo. */
const COST = { value: 16, list: 48, map: 192, object: 256, memo: 48 } as const

interface MachineOptions {
  readonly start: number
  readonly budget: Budget
  readonly findGlobal: UnpickleOptions['findGlobal']
  readonly persistentLoad: UnpickleOptions['persistentLoad']
}

class Machine {
  readonly #input: PickleBytes
  readonly #findGlobal: UnpickleOptions['findGlobal']
  readonly #persistentLoad: UnpickleOptions['persistentLoad']
  readonly #budget: Budget
  readonly #memo = new Map<number, PickleValue>()
  readonly #outer: PickleValue[][] = []
  #stack: PickleValue[] = []

  constructor(bytes: Uint8Array, { start, budget, findGlobal, persistentLoad }: MachineOptions) {
    this.#input = new PickleBytes(bytes, start)
    this.#findGlobal = findGlobal
    this.#persistentLoad = persistentLoad
    this.#budget = budget
  }

  /** Offset of the next byte. */
  get position(): number {
    return this.#input.position
  }

  run(): PickleValue {
    for (;;) {
      const code = this.#input.uint(1)
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
        return this.#push(parseLine(this.#input.line()))
      case 'L':
        return this.#push(parseLine(this.#input.line().replace(/L$/, '')))
      case 'F':
        return this.#push(Number(this.#input.line()))
      case 'K':
        return this.#push(this.#input.uint(1))
      case 'M':
        return this.#push(this.#input.uint(2))
      case 'J':
        return this.#push(this.#input.take(4).readInt32LE())
      case 'G':
        return this.#push(this.#input.take(8).readDoubleBE())
      case '\x8a':
        return this.#push(parseInteger(this.#input.take(this.#input.uint(1))))
      case '\x8b':
        return this.#push(parseInteger(this.#input.take(this.#input.uint(4))))
      case 'X':
        return this.#push(this.#input.take(this.#input.uint(4)).toString('utf8'))
      case '\x8c':
        return this.#push(this.#input.take(this.#input.uint(1)).toString('utf8'))
      case '\x8d':
        return this.#push(this.#input.take(this.#input.uint64()).toString('utf8'))
      case 'S':
        return this.#push(parseQuoted(this.#input.line()))
      case 'V':
        return this.#push(parseEscaped(this.#input.line()))
      case 'U': // Python 2's str: text or bytes, so one character a byte
        return this.#push(this.#input.take(this.#input.uint(1)).toString('latin1'))
      case 'T':
        return this.#push(this.#input.take(this.#input.uint(4)).toString('latin1'))
      case 'C':
        return this.#push(this.#input.take(this.#input.uint(1)))
      case 'B':
        return this.#push(this.#input.take(this.#input.uint(4)))
      case '\x8e':
      case '\x96':
        return this.#push(this.#input.take(this.#input.uint64()))
      default:
        return false
    }
  }

  #container(code: number): boolean {
    switch (String.fromCharCode(code)) {
      case '(':
        if (this.#outer.length === MAX_DEPTH) throw new PickleError(`is nested more than ${MAX_DEPTH} deep`)
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
        return this.#push([], COST.list)
      case '}':
        return this.#push(new Map(), COST.map)
      case '\x8f':
        return this.#push(new Set(), COST.map)
      case 't':
      case 'l':
        return this.#push(this.#popMark(), COST.list)
      case 'd':
        return this.#push(toMap(this.#popMark()), COST.map)
      case '\x91':
        return this.#push(new Set(this.#popMark().map(checkKey)), COST.map)
      case '\x85':
        return this.#push(this.#popMany(1), COST.list)
      case '\x86':
        return this.#push(this.#popMany(2), COST.list)
      case '\x87':
        return this.#push(this.#popMany(3), COST.list)
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
        const protocol = this.#input.uint(1)
        if (protocol > 5)
          throw new PickleError(`is a pickle of protocol ${protocol}; 5 is the last one known`)
        return true
      }
      case '\x95':
        this.#input.uint64()
        return true
      case 'q':
        return this.#remember(this.#input.uint(1))
      case 'r':
        return this.#remember(this.#input.uint(4))
      case 'p':
        return this.#remember(Number(this.#input.line()))
      case '\x94':
        return this.#remember(this.#memo.size)
      case 'h':
        return this.#recall(this.#input.uint(1))
      case 'j':
        return this.#recall(this.#input.uint(4))
      case 'g':
        return this.#recall(Number(this.#input.line()))
      case 'c':
        return this.#push(this.#global(this.#input.line(), this.#input.line()))
      case '\x93': {
        const [module, name] = this.#popMany(2)
        if (typeof module !== 'string' || typeof name !== 'string')
          throw new PickleError('is damaged: the name of a class is not text')
        return this.#push(this.#global(module, name))
      }
      case 'i': {
        const callee = this.#global(this.#input.line(), this.#input.line())
        return this.#call(callee, this.#popMark())
      }
      case 'o': {
        const [callee, ...args] = this.#popMark()
        return this.#call(callee, args)
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
        return this.#push(this.#persistentLoad(this.#pop()), COST.object)
      }
      case 'P':
      case '\x97':
        throw new PickleError('refers to data outside the file')
      case '\x98': // read-only, as everything read is
        return true
      case '\x82':
      case '\x83':
      case '\x84':
        throw new PickleError(
          `refused: opcode 0x${code.toString(16)} takes a class from Python's registry of extensions (copyreg), ` +
            `which is not plain data; ${PLAIN}`,
        )
      default:
        return false
    }
  }

  #global(module: string, name: string): PickleGlobal | PickleObject {
    const found = this.#findGlobal(module, name)
    if (found !== undefined) return found
    throw new PickleError(
      `refused: it would run or build Python's ${briefName(`${module}.${name}`)}, which is not plain data; ${PLAIN}`,
    )
  }

  #call(callee: PickleValue | undefined, args: PickleValue | undefined): boolean {
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args)) {
      throw new PickleError('is damaged: it calls something that is not a function')
    }
    return this.#push(callee.call(args, this.#budget), COST.object)
  }

  #build(): boolean {
    const state = this.#pop()
    const target = this.#top()
    if (target instanceof PickleObject) target.setState(state, this.#budget)
    // an OrderedDict's own attributes (a state dict's _metadata) carry no weights
    else if (!(target instanceof Map)) throw new PickleError('is damaged: it sets the state of a plain value')
    return true
  }

  #extend(items: readonly PickleValue[]): boolean {
    const target = this.#top()
    if (Array.isArray(target)) for (const item of items) target.push(item)
    else if (target instanceof Set) for (const item of items) target.add(checkKey(item))
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
    this.#budget.spend(COST.memo)
    this.#memo.set(index, this.#top())
    return true
  }

  #recall(index: number): boolean {
    const value = this.#memo.get(index)
    if (value === undefined)
      throw new PickleError(`is damaged: it recalls memo ${index}, which was never set`)
    return this.#push(value)
  }

  #push(value: PickleValue, cost = 0): true {
    this.#budget.spend(COST.value + cost)
    this.#stack.push(value)
    return true
  }

  #pop(): PickleValue {
    const value = this.#stack.pop()
    if (value === undefined) throw tooFew()
    return value
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1)
    if (value === undefined) throw tooFew()
    return value
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length < count) throw tooFew()
    return this.#stack.splice(-count)
  }

  #popMark(): PickleValue[] {
    const items = this.#stack
    const outer = this.#outer.pop()
    if (outer === undefined) throw new PickleError('is damaged: a mark is missing in the pickle')
    this.#stack = outer
    return items
  }
}

function tooFew(): PickleError {
  return new PickleError('is damaged: the pickle takes more values than it made')
}
