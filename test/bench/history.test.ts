import { execFile } from 'node:child_process'
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { appendHistory, entryOf, readHistory } from '../../bench/history.ts'
import { repository } from '../source-files.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { entryWith, resultWith } from './results.ts'

const FILE = 'history.jsonl'
const MEND = 'mend or remove that line (git restore brings back what was committed)'

test('what is appended is read again, after what was there', async () => {
  const path = join(await temporaryFolder({}), FILE)
  expect(await readHistory(path)).toEqual([])
  await appendHistory(path, [])
  const [first, second, third] = [
    entryWith(),
    entryWith({
      row: 'dense-crf/2',
      precision: null,
      share: null,
      floor: null,
      ratio: null,
      peer: null,
      memory: null,
    }),
    entryWith({ dirty: true, busy: true }),
  ]
  await appendHistory(path, [first, second])
  await appendHistory(path, [third])
  expect(await readHistory(path)).toEqual([first, second, third])
})

test('an entry holds the result, the run and whether the machine was busy', () => {
  const { date, commit, dirty, machine, device } = entryWith()
  const run = { date, commit, dirty, machine, device }
  expect(entryOf(resultWith(), { ...run, busy: false })).toEqual(entryWith())
  const alone = { share: null, floor: null, peer: null }
  expect(entryOf(resultWith(alone), { ...run, busy: true })).toEqual(
    entryWith({ share: null, floor: null, ratio: null, peer: null, memory: null, busy: true }),
  )
})

test.each([
  ['{"date": 1', 'is not JSON'],
  ['[]', 'is no measurement: Invalid input: expected object, received array'],
  [JSON.stringify({ ...entryWith(), share: -1 }), 'share: Too small: expected number to be >0'],
  [
    JSON.stringify({ ...entryWith(), machine: { cores: 2 } }),
    'machine.processor: Invalid input: expected string, received undefined',
  ],
])('a line that is %s is named', async (line, problem) => {
  const path = join(await temporaryFolder({}), FILE)
  await appendHistory(path, [entryWith()])
  await appendFile(path, `${line}\n`)
  await expect(readHistory(path)).rejects.toThrow(`${path} (line 2): ${problem}; ${MEND}`)
})

test('a file that ends in the middle of a line is named', async () => {
  const path = join(await temporaryFolder({}), FILE)
  await appendHistory(path, [entryWith()])
  await appendFile(path, '{"date": "20')
  await expect(readHistory(path)).rejects.toThrow(
    `${path} (line 2): ends in the middle: no newline follows; ${MEND}`,
  )
})

test('a folder in its place, and a missing folder, are named', async () => {
  const folder = await temporaryFolder({})
  await mkdir(join(folder, FILE))
  await expect(readHistory(join(folder, FILE))).rejects.toThrow(
    `${join(folder, FILE)}: cannot be read (EISDIR); give a file of the benchmark`,
  )
  const path = join(folder, 'gone', FILE)
  await expect(appendHistory(path, [entryWith()])).rejects.toThrow(
    `${path}: cannot be written: the folder ${join(folder, 'gone')} does not exist; make it first`,
  )
})

test('processes that append at once lose no line', async () => {
  const folder = await temporaryFolder({})
  const path = join(folder, FILE)
  const [processes, times] = [4, 25]
  const program = `
    import { appendHistory } from ${JSON.stringify(pathToFileURL(join(repository, 'dist/bench/history.js')).href)}
    const [path, entry, own] = process.argv.slice(2)
    for (let i = 0; i < ${times}; i++)
      await appendHistory(path, [0, 1].map(half => ({ ...JSON.parse(entry), row: own + '/' + i + '/' + half })))`
  await writeFile(join(folder, 'append.mjs'), program)
  const run = promisify(execFile)
  await Promise.all(
    Array.from({ length: processes }, (_, own) =>
      run(process.execPath, [join(folder, 'append.mjs'), path, JSON.stringify(entryWith()), String(own)]),
    ),
  )
  const rows = (await readHistory(path)).map(({ row }) => row)
  expect(rows).toHaveLength(2 * processes * times)
  expect(new Set(rows).size).toBe(rows.length)
  expect((await readFile(path, 'utf8')).endsWith('}\n')).toBe(true)
})
