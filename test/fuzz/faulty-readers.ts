/** @file Readers with a fault each, for the test of the fuzzer. */
import { InputError } from '../../src/errors.ts'
import type { FuzzedReader } from './reader.ts'

const held: unknown[] = []

/** Behaves until its fifth input. */
const faulty = (name: string, fault: (path: string) => unknown): FuzzedReader => {
  let reads = 0
  return { name, seeds: () => [Buffer.from('a seed')], read: path => (reads++ < 5 ? undefined : fault(path)) }
}

export const READERS: readonly FuzzedReader[] = [
  faulty('sound', path => {
    throw new InputError(path, 'is damaged')
  }),
  faulty('plain error', () => {
    throw new TypeError('x is not a function')
  }),
  faulty('nameless', () => {
    throw new InputError('a file', 'is damaged')
  }),
  faulty('long-winded', path => {
    throw new InputError(path.repeat(1000), 'is damaged')
  }),
  faulty('endless', () => {
    for (;;);
  }),
  faulty('slow', () => {
    const before = process.cpuUsage()
    for (let used = 0; used < 1.2e6; ) {
      const { user, system } = process.cpuUsage(before)
      used = user + system
    }
  }),
  faulty('asks for buffers', () => new Uint8Array(100 * 2 ** 20)),
  faulty('writes buffers', () => Buffer.alloc(100 * 2 ** 20, 1)),
  faulty('fills the heap', () => Array.from({ length: 1_000_000 }, (_, i) => ({ i }))),
  faulty('keeps all', () => held.push(Array.from({ length: 1_000_000 }, (_, i) => ({ i })))),
  faulty('aborts', () => process.abort()),
  faulty('rejects later', () => void Promise.reject(new TypeError('nobody waits'))),
]
