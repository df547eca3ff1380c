import { expect, test } from 'vitest'
import { tagmask } from '../../test/command-line.ts'
import { splitLaunch } from './commands/launch.ts'

const STARTS =
  'it starts what trains: run, demo, autoencoder, train, maps, evaluate, affinity, segment, result'

test.each([
  [['--nproc', '2'], 1, `error: launch: needs a command to start; ${STARTS}`],
  [['--nproc', '2', 'ablate', 'cam_demo'], 1, `error: launch: does not start ablate; ${STARTS}`],
  [['--nproc', '0', 'demo'], 1, 'error: --nproc: is 0; a whole number of processes, at least 1'],
  [['--nproc', '1.5', 'demo'], 1, 'error: --nproc: is 1.5; a whole number of processes, at least 1'],
  [['demo'], 2, '--nproc needs a value (--help lists all)'],
  [['--proc', '2', 'demo'], 2, 'there is no flag --proc; did you mean --nproc? (--help lists all)'],
])('launch %j ends with %i', async (words, code, message) => {
  expect(await tagmask('launch', ...words)).toMatchObject({ code, err: `${message}\n` })
})

test('threads are checked', async () => {
  const { code, err } = await tagmask('launch', '--nproc', '2', '--threads', '0', 'demo')
  expect(code).toBe(1)
  expect(err).toMatch(
    /^error: --threads: is 0; expected a whole number from 1 to \d+, the most for \d+ processors?\n$/,
  )
})

test.each([
  ['launch --nproc 2 run a --threads 3', 'launch --nproc 2', 'run a --threads 3'],
  ['launch --nproc=2 --threads 1 train a', 'launch --nproc=2 --threads 1', 'train a'],
  ['launch --nproc 2 -- run -- x', 'launch --nproc 2', 'run -- x'],
  ['launch --help', 'launch --help', ''],
  ['launch', 'launch', ''],
  ['run --nproc 2 x', 'run --nproc 2 x', ''],
])('%s is parted before the command', (line, own, launched) => {
  const split = splitLaunch(line.split(' '))
  expect([split.own.join(' '), split.launched.join(' ')]).toEqual([own, launched])
})
