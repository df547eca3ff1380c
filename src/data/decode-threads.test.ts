/** @file The number of decoding threads follows what is measured. */
import { expect, test } from 'vitest'
import { decodeThreads } from './decode-threads.ts'

/** Seconds of computing and, by the number of threads, of waiting for each image; the numbers of threads that were used. */
async function simulated(
  { compute, wait, images = 4000 }: { compute: number; wait: (threads: number) => number; images?: number },
  most = 8,
): Promise<number[]> {
  let now = 0
  const threads = decodeThreads(null, { most, clock: () => now })
  const used: number[] = []
  threads.begin()
  for (let i = 0; i < images; i++) {
    now += compute
    if (used.at(-1) !== threads.count) used.push(threads.count)
    const made = Promise.resolve().then(() => {
      now += wait(threads.count)
    })
    await threads.wait(made)
  }
  return used
}

test('one thread, where computing hardly waits', async () => {
  expect(await simulated({ compute: 20, wait: () => 1 })).toEqual([1])
})

test('more, until computing no longer waits', async () => {
  const wait = (threads: number): number => Math.max(0, 60 / threads - 20)
  expect(await simulated({ compute: 20, wait })).toEqual([1, 2, 4])
})

test('no more than there are processors', async () => {
  expect(await simulated({ compute: 1, wait: threads => 60 / threads }, 4)).toEqual([1, 2, 4])
  expect(await simulated({ compute: 1, wait: threads => 60 / threads }, 1)).toEqual([1])
})

test('half again, for good, where twice as many are no faster', async () => {
  expect(await simulated({ compute: 1, wait: () => 30 })).toEqual([1, 2, 1])
  expect(await simulated({ compute: 1, wait: threads => [0, 60, 30, 30, 35][threads]! })).toEqual([
    1, 2, 4, 2,
  ])
})

test('what happens between epochs is no waiting', async () => {
  let now = 0
  const threads = decodeThreads(null, { most: 4, clock: () => now })
  for (let epoch = 0; epoch < 40; epoch++) {
    now += 60_000
    threads.begin()
    for (let i = 0; i < 100; i++) {
      now += 30
      const made = Promise.resolve().then(() => {
        now += 1
      })
      await threads.wait(made)
    }
  }
  expect(threads.count).toBe(1)
})

test('as many as told', async () => {
  const threads = decodeThreads(3)
  expect([threads.count, threads.most]).toEqual([3, 3])
  expect(await threads.wait(Promise.resolve('image'))).toBe('image')
})
