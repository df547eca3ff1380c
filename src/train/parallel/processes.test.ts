import { afterEach, expect, test } from 'vitest'
import { type ProcessGroup, setThreads, threads } from '../../torch/index.ts'
import { Processes } from './processes.ts'

const GIVEN = process.env.TAGMASK_THREADS
const before = threads()
const four = new Processes({} as ProcessGroup, { localSize: 4 })

afterEach(() => {
  process.env.TAGMASK_THREADS = GIVEN
  setThreads(before)
})

test('processes of one machine divide its processors while they train', () => {
  delete process.env.TAGMASK_THREADS
  setThreads(8)
  const giveBack = four.divideThreads(null)
  expect(threads()).toBe(2)
  giveBack()
  expect(threads()).toBe(8)
})

test('one thread each, where there are fewer processors than processes', () => {
  delete process.env.TAGMASK_THREADS
  setThreads(2)
  four.divideThreads(null)
  expect(threads()).toBe(1)
})

test('threads that were given stay', () => {
  delete process.env.TAGMASK_THREADS
  setThreads(8)
  four.divideThreads(8)
  expect(threads()).toBe(8)
  process.env.TAGMASK_THREADS = '8'
  four.divideThreads(null)
  expect(threads()).toBe(8)
})
