import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { InputError } from '../../errors.ts'
import { writeImage } from '../../io/image.ts'
import { createLog } from '../../train/log.ts'
import { eachImage } from './each-image.ts'
import { passOverStream } from './image-pass.ts'

let folder: string
let lines: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-pass-'))
  lines = []
})
afterEach(() => rm(folder, { recursive: true }))

const images = ['a', 'b', 'c', 'd', 'e'].map(id => ({ id }))
const file = ({ id }: { id: string }): string => join(folder, id)
const broken = ({ id }: { id: string }) => new InputError(`/x/${id}.jpg`, 'cannot be decoded')

function limits(signal: AbortSignal = new AbortController().signal) {
  const log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
  return { title: 'work', strict: false, maxLost: 0.5, signal, log }
}

/** Writes a file of every image but `bad`; aborts while the one named `last` is written. */
async function stream({
  bad = '',
  last = '',
  strict = false,
  of = images,
}: Partial<Record<'bad' | 'last', string>> & { strict?: boolean; of?: { id: string }[] }) {
  const stop = new AbortController()
  const seen: string[] = []
  const lost = await passOverStream(
    of,
    { ...limits(stop.signal), strict, filesOf: image => [file(image)] },
    async function* ({ open, lose }) {
      for (const image of open) {
        seen.push(image.id)
        if (bad.includes(image.id)) lose(image, broken(image))
        else yield image
      }
    },
    async image => {
      await setImmediate()
      await writeFile(file(image), '')
      if (image.id === last) stop.abort()
    },
  ).catch((error: unknown) => String(error))
  return { lost, seen }
}

test('stopped, it finishes what is being written, and resumes there', async () => {
  const many = Array.from({ length: 30 }, (_, i) => ({ id: String(i + 10) }))
  const stopped = await stream({ last: '11', of: many })
  const there = await readdir(folder)
  expect(stopped.lost).toContain(`stopped at work, image ${there.length} of 30`)
  expect(there).toEqual(many.slice(0, there.length).map(({ id }) => id))
  expect(there.length).toBeGreaterThanOrEqual(2)
  expect(there.length).toBeLessThan(20)
  const { seen } = await stream({ of: many })
  expect([...there, ...seen]).toEqual(many.map(({ id }) => id))
})

test('existing files are kept and unusable images named', async () => {
  await Promise.all(['a', 'b'].map(id => writeFile(join(folder, id), 'kept')))
  expect(await stream({ bad: 'd' })).toEqual({ lost: ['d'], seen: ['c', 'd', 'e'] })
  expect(lines.join('')).toContain(
    'warning: work: 1 of 5 images could not be used: /x/d.jpg: cannot be decoded',
  )
  expect(await readdir(folder)).toEqual(['a', 'b', 'c', 'e'])
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('kept')
})

test('too many lost end it after all have had their turn, the first under strict', async () => {
  expect((await stream({ bad: 'abc' })).lost).toContain('3 of 5 images could not be used')
  expect(await readdir(folder)).toEqual(['d', 'e'])
  expect(await stream({ bad: 'bc', strict: true })).toMatchObject({ seen: ['a', 'b'] })
})

test('an image for which memory runs out is tried once more at half its size, then lost', async () => {
  const image = join(folder, 'image.png')
  await writeImage(image, { width: 40, height: 20, data: new Uint8Array(2400) })
  const tried: number[] = []
  const within = { longestSide: 1000, key: 'maps.longestSide', memoryOf: () => 1, budget: () => 2 }
  const lost = await eachImage(
    images.slice(0, 2).map(one => ({ ...one, image, tags: [] })),
    file,
    async ({ id }, path, sizeOf) => {
      const { width } = sizeOf({ width: 40, height: 20 })
      tried.push(width)
      if (id === 'b' || width === 40) throw new RangeError('Array buffer allocation failed')
      await writeFile(path, '')
    },
    { ...limits(), within },
  )
  expect([tried, lost]).toEqual([[40, 20, 40, 20], ['b']])
  expect(lines.join('')).toContain('there is not enough memory for it (Array buffer allocation failed)')
  expect(lines.join('')).toContain('work: 1 image does not fit into memory')
})

test('a failure that is not of one image ends the work when what was begun is done', async () => {
  const done: string[] = []
  const work = eachImage(
    images,
    file,
    async ({ id }) => {
      if (id === 'a') throw new Error('no room')
      await setImmediate()
      done.push(id)
    },
    { ...limits(), atOnce: 2 },
  )
  await expect(work).rejects.toThrow('no room')
  expect(done).toEqual(['b'])
})
