import { expect, test } from 'vitest'
import type { Bar } from '../../bench/row.ts'
import { judgedBars, noteLines, resultTable } from '../../bench/table.ts'
import { PEER, resultWith } from './results.ts'

const BARS: readonly Bar[] = [
  { of: 'share', bound: 0.75, precision: 'fp32' },
  { of: 'share', bound: 0.65, precision: 'bf16' },
  { of: 'memory', bound: 0.5, authors: true },
  { of: 'ratio', bound: 1.5 },
]

const met = (...changes: Parameters<typeof resultWith>) =>
  judgedBars({ bars: BARS }, resultWith(...changes)).map(({ of, bound, met }) => [of, bound, met])

test('bars are those of the precision, and are met or missed by what was measured', () => {
  expect(met()).toEqual([
    ['share', 0.75, false],
    ['memory', 0.5, undefined],
    ['ratio', 1.5, true],
  ])
  expect(met({ precision: 'bf16' })[0]).toEqual(['share', 0.65, true])
})

test("a bar against the authors' code is judged by their code alone", () => {
  const authors = { ...PEER, authors: true }
  expect(met({ peer: authors })[1]).toEqual(['memory', 0.5, false])
  expect(met({ peer: { ...authors, memory: 0.5 } })[1]).toEqual(['memory', 0.5, true])
  expect(met({ peer: { ...authors, memory: null } })[1]).toEqual(['memory', 0.5, undefined])
})

test('without a peer or a floor there is nothing to judge', () => {
  expect(met({ peer: null, share: null }).map(([, , met]) => met)).toEqual([undefined, undefined, undefined])
  expect(judgedBars({}, resultWith())).toEqual([])
})

test('the table has a line for each result, and - for what was not measured', () => {
  const results = [
    resultWith({ peer: { ...PEER, name: "authors' code, PyTorch 1.13.0", authors: true } }),
    resultWith({ row: 'dense-crf/2', precision: null, value: 30.25, share: null, floor: null, peer: null }),
    resultWith({ row: 'threshold-sweep', precision: null, value: 231.4, share: 0.012, floor: 'memory' }),
  ]
  const table = resultTable(
    results.map((result, i) => ({ result, bars: i === 0 ? judgedBars({ bars: BARS }, result) : [] })),
  )
  expect(table.split('\n')).toEqual([
    'row              precision           ours          floor  peer                                 ratio  memory  bar',
    "train/mctformer  fp32       7.79 images/s  65 % products  authors' code, PyTorch 1.13.0: 5.10  1.53x   0.66x  >= 75 % MISSED, memory <= 0.5x MISSED, >= 1.5x met",
    'dense-crf/2      -          30.3 images/s              -  -                                        -       -  -',
    'threshold-sweep  -           231 images/s   1.2 % memory  PyTorch 1.13.0: 5.10                 1.53x   0.66x  -',
  ])
})

test('a line says how to give each missing peer, and how far a result was from that of the peer', () => {
  const missing = 'give --clone afa=PATH, a clone of github.com/rulixiang/afa'
  const lines = noteLines([
    resultWith({ row: 'train/afa', peer: null, missing }),
    resultWith({ row: 'train/afa', precision: 'bf16', peer: null, missing }),
    resultWith({ row: 'par/one-thread', peer: null, missing }),
    resultWith({ row: 'data-check', peer: null }),
    resultWith({ row: 'random-walk/3', peer: { ...PEER, difference: 2.9e-6 } }),
  ])
  expect(lines).toEqual([
    `no peer for train/afa, par/one-thread: ${missing}`,
    'random-walk/3: largest difference to the peer 2.9e-6',
  ])
})
