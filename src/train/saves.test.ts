import { expect, test } from 'vitest'
import { START } from './position.ts'
import { openSaves } from './saves.ts'

/** Saves that take `cost` ms, of a training whose epochs take `epoch` ms; the epochs after which one was made. */
async function savedEpochs({
  cost,
  epoch,
  checkpointSteps = null,
}: {
  cost: number
  epoch: number
  checkpointSteps?: number | null
}): Promise<number[]> {
  let now = 0
  const saved: number[] = []
  const saves = openSaves(
    async at => {
      now += cost
      saved.push(at.epoch)
    },
    { checkpointMinutes: 10, checkpointSteps },
    { clock: () => now },
  )
  for (let done = 1; done <= 40; done++) {
    now += epoch
    await saves.keep({ ...START, epoch: done })
  }
  return saved
}

test('every epoch is saved, unless that would take more than a twentieth of the time', async () => {
  expect(await savedEpochs({ cost: 10, epoch: 200 })).toHaveLength(40)
  expect(await savedEpochs({ cost: 100, epoch: 200 })).toEqual([1, 11, 21, 31])
  expect(await savedEpochs({ cost: 100, epoch: 200, checkpointSteps: 5 })).toHaveLength(40)
})

test('in the middle of an epoch one is due by time or by steps', async () => {
  let now = 0
  const options = { clock: () => now }
  const at = (step: number) => ({ ...START, step })
  const byTime = openSaves(async () => undefined, { checkpointMinutes: 5, checkpointSteps: null }, options)
  now = 5 * 60_000
  expect(byTime.isDue(at(3))).toBe(false)
  now++
  expect(byTime.isDue(at(3))).toBe(true)
  await byTime.save(at(3))
  expect(byTime.isDue(at(4))).toBe(false)
  const bySteps = openSaves(async () => undefined, { checkpointMinutes: 5, checkpointSteps: 3 }, options)
  expect([1, 2, 3, 4, 5, 6].map(step => bySteps.isDue(at(step)))).toEqual([
    false,
    false,
    true,
    false,
    false,
    true,
  ])
})
