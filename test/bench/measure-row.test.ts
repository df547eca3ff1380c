import { expect, test } from 'vitest'
import { measureRow } from '../../bench/measure-row.ts'
import type { Conditions, Contest, Row } from '../../bench/row.ts'

const CONDITIONS: Conditions = {
  precision: 'bf16',
  device: 'cpu',
  quick: true,
  batch: undefined,
  clones: {},
  data: undefined,
  peerDefaults: false,
}

/** A row whose sides are counted as they are called. */
function rowOf(contest: Partial<Contest>, calls: string[]): Row {
  return {
    name: 'made',
    title: 'made',
    unit: 'images/s',
    prepare: async () => ({
      amount: 10,
      ours: () => void calls.push('ours'),
      peer: { missing: undefined },
      close: () => void calls.push('close'),
      ...contest,
    }),
  }
}

const measured = (row: Row, rounds = 3) => measureRow(row, CONDITIONS, { rounds, seconds: 0, rest: 0 })

test('each round has the peer, the floor and ours in turn, after calls that warm up', async () => {
  const calls: string[] = []
  const peer = {
    name: 'theirs',
    run: async () => {
      calls.push('peer')
      return { seconds: 50 }
    },
    difference: async () => 1e-6,
  }
  const floor = { name: 'least', seconds: () => calls.push('floor') }
  const result = await measured(rowOf({ peer, floor }, calls))
  const round = ['peer', 'floor', 'ours']
  expect(calls).toEqual(['ours', 'peer', 'floor', 'ours', ...round, ...round, ...round, 'close'])
  expect(result).toMatchObject({ row: 'made', precision: null, rounds: 3, floor: 'least', missing: null })
  expect(result.peer).toMatchObject({
    name: 'theirs',
    authors: false,
    value: 0.2,
    memory: null,
    difference: 1e-6,
  })
})

test('ratios are of the time of each round', async () => {
  const ours = () => new Promise(resolve => setTimeout(resolve, 20))
  const peer = { name: 'theirs', run: async () => ({ seconds: 2000 }) }
  const {
    value,
    share,
    peer: against,
  } = await measured(rowOf({ ours, peer, floor: { name: 'least', seconds: () => 1e-6 } }, []))
  const seconds = 10 / value
  expect(seconds).toBeGreaterThan(0.019)
  expect(against!.ratio).toBeCloseTo(2000 / seconds, 3)
  expect(share).toBeCloseTo(1e-6 / seconds, 9)
})

test('the memory of a call is what its first one takes above the process', async () => {
  const mebibyte = 2 ** 20
  const kept: Buffer[] = []
  const ours = () => void (kept.length === 0 && kept.push(Buffer.alloc(64 * mebibyte, 1)))
  const peer = {
    name: 'theirs',
    run: async () => ({ seconds: 1, before: 2000 * mebibyte, peak: 2128 * mebibyte }),
  }
  const { peer: against } = await measured(rowOf({ ours, peer, memory: 'call' }, []))
  expect(against!.memory).toBeGreaterThan(0.45)
  expect(against!.memory).toBeLessThan(0.65)
  // the whole process is far below that of the peer
  const whole = await measured(rowOf({ ours, peer, memory: 'process' }, []))
  expect(whole.peer!.memory).toBeGreaterThan(64 / 2128)
  expect(whole.peer!.memory).toBeLessThan(0.45)
})

test('without a peer and a floor there is the value alone, and how to give the peer', async () => {
  const result = await measured(rowOf({ peer: { missing: 'give it' } }, []))
  expect(result).toMatchObject({ share: null, floor: null, peer: null, missing: 'give it' })
})

test('a row that fails is closed', async () => {
  const calls: string[] = []
  const ours = () => {
    throw new Error('broken')
  }
  await expect(measured(rowOf({ ours }, calls))).rejects.toThrow('broken')
  expect(calls).toEqual(['close'])
})
