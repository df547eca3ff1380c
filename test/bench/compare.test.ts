import { expect, test } from 'vitest'
import { compareLast, compareWith, comparisonLines } from '../../bench/compare.ts'
import { entryWith } from './results.ts'

const names = (...entries: Parameters<typeof compareLast>[0]) =>
  compareLast(entries).slower.map(({ of, part }) => [of, Number(part.toFixed(2))])

test('a loss of more than a tenth of the share or of the ratio is slower', () => {
  expect(names(entryWith(), entryWith({ share: 0.59, ratio: 1.38 }))).toEqual([])
  expect(names(entryWith(), entryWith({ share: 0.58 }))).toEqual([['share', 0.89]])
  expect(names(entryWith(), entryWith({ ratio: 0.9 }))).toEqual([['ratio', 0.59]])
  expect(names(entryWith(), entryWith({ share: 0.3, ratio: 0.7 }))).toHaveLength(2)
})

test('times alone do not count: another day of a virtual machine has another speed', () => {
  expect(names(entryWith(), entryWith({ value: 1 }))).toEqual([])
})

test('only the last entry of the same row, precision, device and kind of machine is compared with', () => {
  const slow = entryWith({ share: 0.3 })
  const { machine } = slow
  for (const other of [
    { row: 'cams/cti' },
    { precision: 'bf16' as const },
    { device: 'cuda' },
    { machine: { ...machine, processor: 'Zen 4' } },
    { machine: { ...machine, cores: 4 } },
    { machine: { ...machine, threads: 1 } },
    { machine: { ...machine, libtorch: '2.13.0' } },
    { machine: { ...machine, blas: 'MKL' } },
  ])
    expect(compareLast([entryWith(other), slow])).toMatchObject({ slower: [], compared: 0, fresh: 2 })
  expect(names(entryWith(), entryWith({ share: 0.31 }), slow)).toEqual([])
  expect(names(entryWith(), entryWith({ row: 'cams/cti' }), slow)).toEqual([['share', 0.46]])
})

test('what was measured against another peer or floor is not compared', () => {
  expect(names(entryWith(), entryWith({ peer: 'PyTorch 2.13.0', ratio: 0.9 }))).toEqual([])
  expect(names(entryWith(), entryWith({ floor: 'memory', share: 0.1 }))).toEqual([])
  expect(names(entryWith(), entryWith({ peer: null, ratio: null }))).toEqual([])
})

test('rows of a busy machine are neither compared nor compared with', () => {
  const before = entryWith()
  expect(compareLast([before, entryWith({ share: 0.1, busy: true })])).toMatchObject({ slower: [], busy: 1 })
  expect(names(before, entryWith({ share: 0.1, busy: true }), entryWith({ share: 0.4 }))).toEqual([
    ['share', 0.62],
  ])
})

test('a run that is not in the history is compared with its end', () => {
  const now = [entryWith({ share: 0.4 }), entryWith({ row: 'par/one-thread' })]
  const found = compareWith(now, [entryWith({ share: 0.2 }), entryWith()])
  expect(found).toMatchObject({ compared: 1, fresh: 1, busy: 0 })
  expect(found.slower[0]).toMatchObject({ of: 'share', before: { share: 0.65 }, now: { share: 0.4 } })
})

test('lines name the rows, what they had and when', () => {
  const before = entryWith({ commit: 'aaaabbbbcccc', dirty: true, date: '2026-11-30T09:00:00.000Z' })
  const lines = comparisonLines(
    compareLast([
      before,
      entryWith({ share: 0.52, ratio: 1.2 }),
      entryWith({ row: 'par/one-thread', precision: null }),
    ]),
  )
  expect(lines).toEqual([
    'slower: train/mctformer fp32: 52 % of products, 65 % of products at aaaabbbbcccc+dirty, 2026-11-30 (-20 %)',
    'slower: train/mctformer fp32: 1.20x PyTorch 1.13.0, 1.53x PyTorch 1.13.0 at aaaabbbbcccc+dirty, 2026-11-30 (-22 %)',
    '1 slower by more than 10 %: 1 compared with its last entry on this kind of machine, 1 new',
  ])
  expect(
    comparisonLines(compareLast([entryWith(), entryWith(), entryWith({ row: 'cams/cti', busy: true })])),
  ).toEqual([
    'no row is more than 10 % slower: 1 compared with its last entry on this kind of machine, 1 not compared: others used the machine',
  ])
})
