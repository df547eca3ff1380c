import { expect, test } from 'vitest'
import { HELP, parseOptions } from '../../bench/options.ts'
import { chosenRows, ROWS } from '../../bench/rows/list.ts'

test('the usual sizes on all rows are compared and recorded', () => {
  expect(parseOptions([])).toMatchObject({
    only: [],
    rounds: 5,
    device: 'cpu',
    comparable: true,
    record: true,
  })
  expect(parseOptions(['--no-history'])).toMatchObject({ comparable: true, record: false })
})

test.each([['--quick'], ['--batch', '2'], ['--data', 'photos'], ['--peer-defaults']])(
  'other sizes or peers are not: %s %s',
  (...args) => {
    expect(parseOptions(args)).toMatchObject({ comparable: false, record: false })
  },
)

test('lists and pairs are taken apart', () => {
  const args = ['--only', 'train,par', '--only', 'cams/cti', '--clone', 'afa=/a=b', '--clone', 'cti=c']
  expect(parseOptions([...args, '--precision', 'bf16'])).toMatchObject({
    only: ['train', 'par', 'cams/cti'],
    clones: { afa: '/a=b', cti: 'c' },
    precisions: ['bf16'],
  })
  expect(parseOptions(['--device', 'cuda']).precisions).toEqual(['fp32', 'bf16'])
})

test.each([
  [['--quik'], '--quik: is not an option of the benchmark; did you mean --quick?'],
  [['--flip'], '--flip: is not an option of the benchmark; see --help'],
  [['--only'], '--only: is not used in this way; see --help'],
  [['quick'], 'bench: is not an option of the benchmark; see --help'],
  [['--rounds', '2'], "--rounds: is '2'; expected a whole number from 3"],
  [['--rounds', 'many'], "--rounds: is 'many'; expected a whole number from 3"],
  [['--batch', '0'], "--batch: is '0'; expected a whole number from 1"],
  [['--precision', 'fp16'], "--precision: is 'fp16'; expected fp32 or bf16"],
  [
    ['--clone', '/home/afa'],
    "--clone: is '/home/afa'; expected NAME=PATH, where NAME is afa, cti, mctformer, semformer, weaktr",
  ],
  [
    ['--clone', 'toString=/x'],
    "--clone: is 'toString=/x'; expected NAME=PATH, where NAME is afa, cti, mctformer, semformer, weaktr",
  ],
])('%j is refused', (args, message) => {
  expect(() => parseOptions(args)).toThrow(expect.objectContaining({ message, name: 'InputError' }))
})

test('rows are chosen by name and by group, in the order of the table', () => {
  const all = chosenRows([]).map(({ name }) => name)
  expect(new Set(all).size).toBe(ROWS.length)
  expect(chosenRows(['dense-crf', 'cams/cti', 'maps']).map(({ name }) => name)).toEqual(
    all.filter(name => name === 'cams/cti' || name === 'maps' || name.startsWith('dense-crf/')),
  )
  expect(() => chosenRows(['trian'])).toThrow("--only: there is no row 'trian'; did you mean train?")
  expect(() => chosenRows(['everything'])).toThrow(
    "--only: there is no row 'everything'; rows: train, cams, maps, dense-crf, par, random-walk, threshold-sweep, data-loading, data-check, read-weights",
  )
})

test('--help names every option', () => {
  for (const flag of [
    'only',
    'list',
    'quick',
    'rounds',
    'device',
    'precision',
    'batch',
    'data',
    'clone',
    'json',
  ])
    expect(HELP).toContain(`--${flag} `)
  for (const flag of ['peer-defaults', 'compare', 'history', 'no-history', 'help'])
    expect(HELP).toContain(`--${flag}`)
})
