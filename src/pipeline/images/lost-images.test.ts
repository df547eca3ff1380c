import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { InputError } from '../../errors.ts'
import { createLog } from '../../train/log.ts'
import { collectLost } from './lost-images.ts'

let folder: string
let lines: string[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-lost-'))
  lines = []
})
afterEach(() => rm(folder, { recursive: true }))

const broken = (id: string): InputError =>
  new InputError(`/x/${id}.jpg`, 'cannot be decoded', { expected: 'a JPEG' })

function lose(title: string, ids: readonly string[]) {
  const log = createLog({ stream: { write: text => lines.push(text) }, env: {} })
  const lost = collectLost({ title, list: join(folder, 'lost-images.txt'), log })
  for (const id of ids) lost.add({ id }, broken(id))
  return lost
}

test('one line for all of one cause; a later stage only counts those that are named', async () => {
  await lose('train', ['a', 'b', 'c', 'd', 'e']).tell(9)
  await lose('maps', ['a', 'b']).tell(9)
  await lose('predict', ['a', 'f']).tell(9)
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(
    /^warning: train: 5 of 9 images could not be used: cannot be decoded: a, b, c and 2 more; a JPEG; each with its cause in .*lost-images.txt\n$/,
  )
  expect(lines[1]).toBe('maps: 2 of 9 images, named by train, left out\n')
  expect(lines[2]).toMatch(
    /^warning: predict: 2 of 9 images could not be used: 1 named by train; \/x\/f\.jpg: cannot be decoded; a JPEG/,
  )
  const all = await readFile(join(folder, 'lost-images.txt'), 'utf8')
  expect(all.split('\n')).toContain('predict\tf\t/x/f.jpg: cannot be decoded; a JPEG')
  expect(all.match(/\n/g)).toHaveLength(9)
})

test('reports only further ones; repaired ones leave the list', async () => {
  const lost = lose('train', ['a'])
  await lost.tell()
  await lost.tell()
  lost.add({ id: 'b' }, broken('b'))
  await lost.tell()
  expect(lines.map(line => line.slice(0, 50))).toEqual([
    'warning: train: 1 image could not be used: /x/a.jp',
    'warning: train: 1 more image could not be used: /x',
  ])
  await lose('train', []).tell()
  await expect(readFile(join(folder, 'lost-images.txt'))).rejects.toThrow(/ENOENT/)
})
