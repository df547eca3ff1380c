import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tagmask } from '../../../test/command-line.ts'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import type { Profile } from '../../io/profile.ts'
import { chromeTrace } from './chrome-trace.ts'
import { coveredMs, profileText } from './profile-text.ts'

const PROFILE: Profile = {
  start: 1000,
  wall: 2000,
  busy: 1500,
  spans: [
    { work: 'decode', start: 1000, end: 1400 },
    { work: 'decode', start: 1200, end: 1600 },
    { work: 'write', start: 1900, end: 2000 },
  ],
  operators: {
    operators: [
      { name: 'aten::view', calls: 4, self: 1e6, total: 1e6, bytes: 0, flops: 0 },
      { name: 'aten::mm', calls: 2, self: 5e8, total: 5e8, bytes: 3e9, flops: 1e11 },
    ],
    events: Float64Array.of(1.1e9, 2.5e8, 1, 1, 1.4e9, 5e5, 0, 2),
    left: 3,
  },
}

test('the table says where the wall time went, what ran beside, and each operator by its own time', () => {
  expect(profileText(PROFILE).split('\n')).toEqual([
    'time                    s      %',
    'wall                 2.00  100.0',
    'main thread busy     1.50   75.0',
    'main thread waiting  0.50   25.0',
    'in operators         0.50   25.1',
    '',
    'beside the main thread  times  s in all  s of wall     %',
    'decode                      2      0.80       0.60  30.0',
    'write                       1      0.10       0.10   5.0',
    '',
    'operator    calls  own s     %  GB of operands  GFLOP  GFLOP/s',
    'aten::mm        2   0.50  99.8            3.00  100.0    200.0',
    'aten::view      4   0.00   0.2            0.00',
    '',
    'The trace holds the first calls only, without the last 3; the table counts all.',
  ])
  expect(profileText(PROFILE, { rows: 1 })).toContain('1 others      4   0.00   0.2')
})

test('spans are covered once where they overlap', () => {
  expect(coveredMs([])).toBe(0)
  expect(
    coveredMs([
      { start: 5, end: 6 },
      { start: 0, end: 4 },
      { start: 1, end: 2 },
      { start: 3, end: 5 },
    ]),
  ).toBe(6)
})

test('the trace has a row for each thread of libtorch and for spans that overlap', () => {
  const { traceEvents } = JSON.parse([...chromeTrace(PROFILE)].join('')) as { traceEvents: object[] }
  const of = (name: string) => traceEvents.filter(event => 'name' in event && event.name === name)
  expect(of('thread_name')).toHaveLength(3)
  expect(of('decode')).toMatchObject([
    { ts: 0, dur: 400_000, tid: 1000 },
    { ts: 200_000, dur: 400_000, tid: 1001 },
  ])
  expect(of('write')).toMatchObject([{ ts: 900_000, dur: 100_000, tid: 1002 }])
  expect(of('aten::mm')).toMatchObject([{ ph: 'X', ts: 100_000, dur: 250_000, tid: 1 }])
  expect(of('aten::view')).toMatchObject([{ ts: 400_000, dur: 500, tid: 2 }])
})

test('--profile writes a trace and a table, and never over a file', async () => {
  const root = await temporaryFolder({ 'images/a.jpg': '', 'tags.csv': 'file,tags\na.jpg,cat\n' })
  const file = join(root, 'trace.json')
  const { err } = await tagmask('data', 'check', root, '--profile', file)
  expect(err).toContain('main thread waiting')
  expect(err).toContain(`trace: ${file} (open it in ui.perfetto.dev or chrome://tracing)`)
  const trace = await readFile(file, 'utf8')
  expect(JSON.parse(trace)).toMatchObject({ displayTimeUnit: 'ms' })
  const again = await tagmask('data', 'check', root, '--profile', file)
  expect([again.code, again.err]).toEqual([
    1,
    `error: ${file} (--profile): exists; give a file that does not exist\n`,
  ])
  expect(await readFile(file, 'utf8')).toBe(trace)
})

test('a place that cannot be written is told before the work, and the command itself cannot take the name', async () => {
  const folder = await temporaryFolder({})
  const nowhere = await tagmask(
    'data',
    'demo',
    '--out',
    join(folder, 'a'),
    '--profile',
    join(folder, 'no/x.json'),
  )
  expect(nowhere.code).toBe(1)
  expect(nowhere.err).toContain(`the folder ${join(folder, 'no')} does not exist; make it first`)
  expect(await readdir(folder)).toEqual([])
  expect((await tagmask('doctor', '--profile', '')).err).toBe(
    'error: --profile: is empty; give a file that does not exist\n',
  )
  const set = join(folder, 'set')
  await tagmask('data', 'demo', '--out', set, '--images', '2', '--val', '0', '--size', '32')
  const own = join(folder, 'tags.csv')
  const both = await tagmask('data', 'tags', set, '--out', own, '--profile', own)
  expect(both.code).toBe(1)
  expect(both.err).toContain(own)
  expect(JSON.parse(await readFile(own, 'utf8'))).toHaveProperty('traceEvents') // the trace that was asked for
})
