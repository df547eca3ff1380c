/** @file Which images pass through the network together, and what happens to one that spoils its group. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import type { Sample } from '../../data/sample.ts'
import { InputError } from '../../errors.ts'
import { writeImage } from '../../io/image.ts'
import { silentLog } from '../../train/log.ts'
import { type Look, lookAtImages } from './sized-views.ts'

const SIDES = [8, 8, 8, 8, 8, 10, 8, 8]

async function images(sides: readonly number[] = SIDES): Promise<Sample[]> {
  const folder = await temporaryFolder({})
  return Promise.all(
    sides.map(async (width, i) => {
      const image = join(folder, `${i}.png`)
      await writeImage(image, { width, height: 8, data: new Uint8Array(3 * 8 * width) })
      return { id: String(i), image, tags: [0], mask: undefined }
    }),
  )
}

/** Ids of what came out, of each group that was looked at, and of what was left out. */
async function looked(
  samples: readonly Sample[],
  {
    together,
    budget = 1e9,
    open = samples,
    look = group => group.map(async ({ sample }) => sample.id),
  }: { together?: number; budget?: number; open?: readonly Sample[]; look?: Look<string> } = {},
): Promise<{ results: string; groups: string[]; lost: string[] }> {
  const groups: string[] = []
  const lost: string[] = []
  let results = ''
  const seen = lookAtImages(
    open,
    group => {
      groups.push(group.map(({ sample }) => sample.id).join(''))
      return look(group)
    },
    {
      title: 'look',
      among: samples,
      log: silentLog(),
      longestSide: 100,
      key: 'maps.longestSide',
      scales: [1],
      memoryOf: () => 1,
      budget: () => budget,
      onBadImage: ({ id }, { problem }) => lost.push(`${id}: ${problem}`),
      ...(together !== undefined && { together }),
    },
  )
  for await (const id of seen) results += id
  return { results, groups, lost }
}

test('images of one size in a row go together, as many as the pixels and the memory allow', async () => {
  const samples = await images()
  const results = '01234567'
  expect(await looked(samples)).toEqual({ results, groups: ['01234', '5', '67'], lost: [] })
  const groups = async (options: Parameters<typeof looked>[1]) => (await looked(samples, options)).groups
  expect(await groups({ together: 2 * 64 })).toEqual(['01', '23', '4', '5', '67'])
  expect(await groups({ together: 1 })).toEqual([...results])
  expect(await groups({ budget: 3 })).toEqual(['012', '34', '5', '67'])
})

test('one that spoils its group is tried alone and left out; the others stay in order', async () => {
  const samples = await images()
  const fail = (group: Parameters<Look<string>>[0]): void => {
    const bad = group.find(({ sample }) => sample.id === '2')
    if (bad !== undefined) throw new InputError(bad.sample.image, 'is odd')
  }
  const whole = await looked(samples, {
    look(group) {
      fail(group)
      return group.map(async ({ sample }) => sample.id)
    },
  })
  expect(whole).toEqual({
    results: '0134567',
    groups: ['01234', '0', '1', '2', '3', '4', '5', '67'],
    lost: ['2: is odd'],
  })
  const later = await looked(samples, {
    look: group =>
      group.map(async one => {
        fail([one])
        return one.sample.id
      }),
  })
  expect([later.results, later.groups, later.lost]).toEqual([
    '0134567',
    ['01234', '2', '5', '67'],
    ['2: is odd'],
  ])
})

test('a group for which memory runs out is looked at one by one', async () => {
  const { results, groups } = await looked(await images([8, 8, 8]), {
    look(group) {
      if (group.length > 1) throw new RangeError('Array buffer allocation failed')
      return group.map(async ({ sample }) => sample.id)
    },
  })
  expect([results, groups]).toEqual(['012', ['012', '0', '1', '2']])
})

test('what is done before changes no group: it is looked at again with those that are not', async () => {
  const samples = await images()
  const left = [samples[3]!, samples[7]!]
  expect(await looked(samples, { open: left })).toEqual({ results: '37', groups: ['01234', '67'], lost: [] })
  expect(await looked(samples, { open: left, together: 2 * 64 })).toEqual({
    results: '37',
    groups: ['23', '67'],
    lost: [],
  })
  const many = await images(Array.from({ length: 40 }, () => 8))
  const { groups } = await looked(many, { open: [many[39]!] })
  expect(groups).toEqual(['3233343536373839'])
})
