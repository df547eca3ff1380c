import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { memoryGate } from './memory-gate.ts'

/** Runs pieces of work of these sizes at once; returns the most bytes that were in work, and the most pieces. */
async function most(sizes: readonly number[], total: number): Promise<{ bytes: number; pieces: number }> {
  let [bytes, pieces, mostBytes, mostPieces] = [0, 0, 0, 0]
  const gate = memoryGate(() => total - bytes)
  await Promise.all(
    sizes.map(async size => {
      const leave = await gate.enter(size)
      ;[bytes, pieces] = [bytes + size, pieces + 1]
      mostBytes = Math.max(mostBytes, bytes)
      mostPieces = Math.max(mostPieces, pieces)
      await setImmediate()
      ;[bytes, pieces] = [bytes - size, pieces - 1]
      leave()
    }),
  )
  return { bytes: mostBytes, pieces: mostPieces }
}

test('work runs at once as far as memory allows', async () => {
  expect(await most([4, 4, 4, 4, 4], 10)).toEqual({ bytes: 8, pieces: 2 })
  expect(await most([1, 1, 1], 10)).toEqual({ bytes: 3, pieces: 3 })
})

test('what is larger than all there is runs alone', async () => {
  expect(await most([3, 50, 3, 3], 10)).toEqual({ bytes: 50, pieces: 3 })
})
