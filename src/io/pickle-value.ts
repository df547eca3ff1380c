/** @file Inert values of a pickle. No Python is imported or run. */
import { TagmaskError } from '../errors.ts'
import type { Budget } from './budget.ts'

/** Cost of an item of a list or dictionary, in memory and in the time to copy it. */
export const ITEM_BYTES = 64

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

/** A Python object as data: the name of its class and its attributes in the file. */
export class PickleObject {
  readonly type: string
  readonly attributes = new Map<PickleValue, PickleValue>()

  constructor(type: string) {
    this.type = type
  }

  /** The argument of `__setstate__`, or the contents of `__dict__` (BUILD). */
  setState(state: PickleValue, budget: Budget): void {
    if (!(state instanceof Map)) return
    budget.spend(state.size * ITEM_BYTES)
    for (const [key, value] of state) this.attributes.set(key, value)
  }
}

/** Replaces a call of a class or function, without side effects; copies are charged to the budget first. */
export type PickleCall = (args: readonly PickleValue[], budget: Budget) => PickleValue

/** An allow-listed class or function. */
export class PickleGlobal {
  readonly call: PickleCall

  constructor(call: PickleCall) {
    this.call = call
  }
}

/** A fault inside a pickle; `unpickle` converts it to an InputError that names the file. */
export class PickleError extends TagmaskError {}

/** Throws PickleError for a whole number beyond 2^53: a Map puts all of those with the same low bits in one chain. */
export function checkKey(key: PickleValue): PickleValue {
  if (typeof key === 'bigint') throw new PickleError('has a whole number of many digits as a key')
  return key
}

/** Keys and values in turn. Throws PickleError when the last key has no value. */
export function toMap(items: readonly PickleValue[]): Map<PickleValue, PickleValue> {
  if (items.length % 2 !== 0) throw new PickleError('is damaged: a dictionary key without a value')
  const map = new Map<PickleValue, PickleValue>()
  for (let i = 0; i < items.length; i += 2) map.set(checkKey(items[i]!), items[i + 1]!)
  return map
}
