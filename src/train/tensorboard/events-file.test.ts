import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readEvents, readRecords } from '../../../test/read-events.ts'
import { InputError } from '../../errors.ts'
import { readImage } from '../../io/image.ts'
import type { MetricsRecord } from '../metrics.ts'
import { START } from '../position.ts'
import { type EventsStart, openEvents } from './events-file.ts'

let root: string
let folder: string
let folders = 0

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tagmask-events-'))
})
afterAll(() => rm(root, { recursive: true }))
beforeEach(() => {
  folder = nextFolder()
})

const nextFolder = (): string => join(root, String(folders++), 'train')
const loss = (step: number, value = step): MetricsRecord => ({ kind: 'step', step, loss: value })
const steps = async (tag: string): Promise<number[]> =>
  (await readEvents(folder)).flatMap(one => (one.tag === tag ? [one.step] : []))

async function write(records: readonly MetricsRecord[], start: Partial<EventsStart> = {}): Promise<void> {
  const events = await openEvents(folder, { resume: START, rows: [], ...start })
  for (const record of records) await events.append(record)
  await events.close()
}

test('the numbers of each kind of record under their own names, at their steps', async () => {
  await write([
    { kind: 'step', step: 0, epoch: 0, lr: 0.5, loss: 2, 'class loss': 1.5, memory: 0.25 },
    { kind: 'epoch', step: 9, epoch: 0, loss: 1, 'class loss': 0.75, 'images/s': 20 },
    { kind: 'validation', step: 9, epoch: 0, 'mAP class-wise': 50, 'gt-mIoU': null, note: 'none' },
  ])
  expect(await readEvents(folder)).toEqual([
    { tag: 'training/epoch', step: 0, value: 0 },
    { tag: 'training/lr', step: 0, value: 0.5 },
    { tag: 'loss/total', step: 0, value: 2 },
    { tag: 'loss/class', step: 0, value: 1.5 },
    { tag: 'training/memory', step: 0, value: 0.25 },
    { tag: 'epoch/loss', step: 9, value: 1 },
    { tag: 'epoch/class loss', step: 9, value: 0.75 },
    { tag: 'epoch/images/s', step: 9, value: 20 },
    { tag: 'validation/mAP class-wise', step: 9, value: 50 },
    { tag: 'validation/gt-mIoU', step: 9, value: Number.NaN },
  ])
})

test('any names, values and steps', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(
        fc
          .string({ unit: 'grapheme' })
          .filter(name => !['kind', 'step', 'epoch', '__proto__'].includes(name)),
        fc.float(),
      ),
      fc.nat(Number.MAX_SAFE_INTEGER),
      async (values, step) => {
        folder = nextFolder()
        await write([{ ...values, kind: 'validation', step }])
        const expected = Object.entries(values).map(([name, value]) => ({
          tag: `validation/${name}`,
          step,
          value,
        }))
        expect(await readEvents(folder)).toEqual(expected)
      },
    ),
    { numRuns: 50 },
  )
})

test('images as PNG', async () => {
  const image = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => 14 * i) }
  const events = await openEvents(folder, { resume: START, rows: [] })
  await events.addImages([{ tag: 'CAMs/a, cat', image }], { step: 7 })
  await events.addImages([], { step: 8 })
  await events.close()
  const [shown, ...others] = await readEvents(folder)
  expect(others).toEqual([])
  expect(shown).toMatchObject({ tag: 'CAMs/a, cat', step: 7, image: { width: 3, height: 2 } })
  const file = join(root, 'seen.png')
  await writeFile(file, shown!.image!.png)
  const { data, ...size } = await readImage(file)
  expect([size, [...data]]).toEqual([{ width: 3, height: 2 }, [...image.data]])
})

test('everything is in the file once it is appended, while it is still open', async () => {
  const events = await openEvents(folder, { resume: START, rows: [] })
  await events.append(loss(0))
  expect(await steps('loss/total')).toEqual([0])
  await events.close()
})

test('a resumed training shows no step twice, in a further file; what it had before stays', async () => {
  await write([loss(0), loss(1), loss(2), loss(3, 99)])
  const [first] = await readdir(folder)
  const before = await readFile(join(folder, first!))
  await write([loss(3), loss(4)], {
    resume: { batch: 3, step: 3, validated: 0 },
    rows: [0, 1, 2].map(r => loss(r)),
  })
  await write([loss(5)], {
    resume: { batch: 0, step: 5, validated: 0 },
    rows: [0, 1, 2, 3, 4].map(r => loss(r)),
  })
  const shown = await readEvents(folder)
  expect(shown).toEqual([0, 1, 2, 3, 4, 5].map(step => ({ tag: 'loss/total', step, value: step })))
  const names = await readdir(folder)
  expect(names).toHaveLength(3)
  for (const name of names) expect(name).toMatch(/^events\.out\.tfevents\.\d{10}\.[\w.-]+\.\d+$/)
  expect(await readFile(join(folder, first!))).toEqual(before)
})

test('the end of an epoch that comes again is shown once; one that stands is kept, with its images', async () => {
  const image = { width: 1, height: 1, data: new Uint8Array(3) }
  const end: MetricsRecord = { kind: 'epoch', step: 1, epoch: 0, loss: 1 }
  const rows = [loss(0), loss(1)]
  const ended = async (start: Partial<EventsStart>): Promise<void> => {
    const events = await openEvents(folder, { resume: START, rows: [], ...start })
    if (start.rows === undefined) for (const row of rows) await events.append(row)
    await events.append(end)
    await events.addImages([{ tag: 'CAMs/a', image }], { step: 1 })
    await events.close()
  }
  await ended({})
  await ended({ resume: { batch: 2, step: 2, validated: 0 }, rows }) // of a state before the end
  expect(await steps('loss/total')).toEqual([0, 1])
  await write([loss(2)], { resume: { batch: 0, step: 2, validated: 0 }, rows: [...rows, end] })
  expect(await steps('loss/total')).toEqual([0, 1, 2])
  expect(await steps('epoch/loss')).toEqual([1])
  expect(await steps('CAMs/a')).toEqual([1])
})

test('asked for in mid-training, it begins with all rows; one that starts anew withdraws everything', async () => {
  await write([loss(2)], { resume: { batch: 2, step: 2, validated: 0 }, rows: [loss(0), loss(1)] })
  expect(await steps('loss/total')).toEqual([0, 1, 2])
  await write([loss(0)])
  expect(await steps('loss/total')).toEqual([0])
})

test('a torn file of a killed process is read up to its last event, and the next file goes on', async () => {
  await write([loss(0), loss(1)])
  const [name] = await readdir(folder)
  const path = join(folder, name!)
  await truncate(path, (await readFile(path)).length - 5)
  expect(readRecords(await readFile(path)).torn).toBeGreaterThan(0)
  await write([loss(1)], { resume: { batch: 1, step: 1, validated: 0 }, rows: [loss(0)] })
  expect(await steps('loss/total')).toEqual([0, 1])
})

test('later files sort behind earlier ones also when the clock goes back', async () => {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'events.out.tfevents.4000000000.host.1'), '')
  await writeFile(join(folder, 'notes.txt'), '')
  await write([loss(0)])
  expect((await readdir(folder)).sort()[1]).toMatch(/^events\.out\.tfevents\.4000000001\./)
})

test('a place that cannot be written is named', async () => {
  const file = join(root, 'file')
  await writeFile(file, '')
  const path = join(file, 'train')
  await expect(openEvents(path, { resume: START, rows: [] })).rejects.toThrow(
    new InputError(path, `cannot be written: ${file} is not a folder`, {
      expected: 'choose a path inside a folder',
    }),
  )
})

const mount = (options: string): boolean =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', join(root, 'disk')]).status === 0

test('a full disk is named, and with space again the training goes on (needs the right to mount a tmpfs)', async context => {
  const disk = join(root, 'disk')
  await mkdir(disk)
  if (!mount('size=64k')) return context.skip()
  try {
    folder = join(disk, 'train')
    const rows = [loss(0)]
    const events = await openEvents(folder, { resume: START, rows: [] })
    await events.append(loss(0))
    const data = randomBytes(3 * 256 * 256) // a PNG cannot make it smaller
    const large = [{ tag: 'CAMs/a', image: { width: 256, height: 256, data } }]
    await expect(events.addImages(large, { step: 0 })).rejects.toThrow(
      /cannot be written: the disk is full; free some space and run again/,
    )
    await events.close()
    expect(mount('remount,size=1m')).toBe(true)
    const again = await openEvents(folder, { resume: { batch: 1, step: 1, validated: 0 }, rows })
    await again.append(loss(1))
    await again.close()
    expect(await steps('loss/total')).toEqual([0, 1])
  } finally {
    spawnSync('umount', [disk])
  }
})

const READER = `import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
seen = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'images': 0}).Reload()
scalars = {tag: [[one.step, one.value] for one in seen.Scalars(tag)] for tag in seen.Tags()['scalars']}
images = {tag: [[one.step, one.width, one.height] for one in seen.Images(tag)] for tag in seen.Tags()['images']}
print(json.dumps([scalars, images]))`
const hasTensorboard =
  spawnSync('python3', ['-c', 'import tensorboard.backend.event_processing.event_accumulator']).status === 0

test.skipIf(!hasTensorboard)(
  'TensorBoard itself reads the same (needs python3 with tensorboard)',
  async () => {
    await write([loss(0), loss(1), loss(2, 99)])
    const events = await openEvents(folder, {
      resume: { batch: 2, step: 2, validated: 0 },
      rows: [loss(0), loss(1)],
    })
    await events.append(loss(2))
    await events.addImages(
      [{ tag: 'CAMs/a, cat', image: { width: 4, height: 2, data: new Uint8Array(24) } }],
      { step: 2 },
    )
    await events.close()
    const { stdout, stderr } = spawnSync('python3', ['-c', READER, folder], { encoding: 'utf8' })
    expect(stdout, stderr).not.toBe('')
    expect(JSON.parse(stdout)).toEqual([
      {
        'loss/total': [
          [0, 0],
          [1, 1],
          [2, 2],
        ],
      },
      { 'CAMs/a, cat': [[2, 4, 2]] },
    ])
  },
  60_000,
)
