import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkShard, parseShard, shardOf } from './shard.ts'

const named = (ids: readonly string[]) => ids.map(id => ({ id }))
const lists = fc.uniqueArray(fc.string({ maxLength: 6 }), { maxLength: 60 })
const counts = fc.integer({ min: 1, max: 9 })
const partsOf = <T extends { id: string }>(items: readonly T[], count: number): (readonly T[])[] =>
  Array.from({ length: count }, (_, i) => shardOf(items, { index: i + 1, count }))

describe('the parts of a list', () => {
  it('are disjoint, make up the whole, and differ by one item at most', () => {
    fc.assert(
      fc.property(lists, counts, (ids, count) => {
        const parts = partsOf(named(ids), count)
        const all = parts.flat().map(({ id }) => id)
        expect(all.length).toBe(ids.length)
        expect(new Set(all)).toEqual(new Set(ids))
        const sizes = parts.map(({ length }) => length)
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('depend on the ids alone, not on their order, and keep that order', () => {
    fc.assert(
      fc.property(lists, counts, fc.infiniteStream(fc.nat()), (ids, count, numbers) => {
        const items = named(ids)
        const shuffled = [...items].sort(() => (numbers.next().value % 3) - 1)
        for (const [i, part] of partsOf(items, count).entries()) {
          const other = partsOf(shuffled, count)[i]!
          expect(new Set(other)).toEqual(new Set(part))
          expect(part).toEqual(items.filter(item => part.includes(item)))
        }
      }),
    )
  })

  it('are made of whole blocks of the list, where those are given', () => {
    fc.assert(
      fc.property(lists, counts, fc.integer({ min: 1, max: 7 }), (ids, count, block) => {
        const items = named(ids)
        const parts = Array.from({ length: count }, (_, i) => shardOf(items, { index: i + 1, count, block }))
        expect(parts.flat().length).toBe(items.length)
        const blockOf = (part: readonly unknown[], at: number) => part.slice(at * block, (at + 1) * block)
        for (let at = 0; at * block < items.length; at++)
          expect(blockOf(parts[at % count]!, Math.floor(at / count))).toEqual(blockOf(items, at))
      }),
    )
  })

  it('hold items of one id once each', () => {
    const twins = named(['a', 'a', 'a', 'b'])
    expect(partsOf(twins, 2).flat()).toHaveLength(4)
  })

  it('are the list itself without a shard', () => {
    const items = named(['b', 'a'])
    expect(shardOf(items, undefined)).toBe(items)
  })
})

describe('i/n', () => {
  it('counts from 1', () => {
    expect(parseShard('1/8')).toEqual({ index: 1, count: 8 })
    expect(parseShard(' 8/8 ')).toEqual({ index: 8, count: 8 })
  })

  it.each(['9/8', '2', '1/0', '-1/8', '1/8/2', '1.5/8', 'a/b', '', '1/200000'])('%j is refused', text => {
    expect(() => parseShard(text)).toThrow(/^expected i\/n with i from 1 to n, as in 2\/8$/)
  })

  it('of an index that counts from 0 says to add 1', () => {
    expect(() => parseShard('0/8')).toThrow(
      /^expected i\/n with i from 1 to n, as in 2\/8; where indices count from 0, add 1$/,
    )
  })

  it('is checked in programs too', () => {
    expect(() => checkShard({ index: 0, count: 3 })).toThrow(
      'shard: is 0/3; expected i/n with i from 1 to n, n at most 100000',
    )
  })
})
