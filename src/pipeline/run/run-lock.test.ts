import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeEach, expect, it } from 'vitest'
import { removeLeftoversBelow } from '../../io/atomic.ts'
import { packageRoot } from '../../io/package-root.ts'
import { temporaryName } from '../../io/temporary-name.ts'
import { runFolder } from './run-folder.ts'
import { lockRun } from './run-lock.ts'

const GONE = 999_999_999 // no process has this number
const PROCESSES = 8
/** More for a long run: TAGMASK_LOCK_ROUNDS=50 npx vitest run src/pipeline/run/run-lock.test.ts */
const ROUNDS = Number(process.env.TAGMASK_LOCK_ROUNDS ?? 3)
let root = ''

beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'tagmask-lock-')), 'one')
  await mkdir(root)
})

const lock = (): string => join(root, 'lock')
const take = () => lockRun(runFolder(root))

it('is not given to two in one process, and is free after it was released', async () => {
  const release = await take()
  await expect(take()).rejects.toThrow(
    `${root}: process ${process.pid} on ${hostname()} is working in this run folder; wait for it or use another --name; if it is gone, delete ${lock()}`,
  )
  await release()
  await (await take())()
  expect(await readdir(root)).toEqual([])
})

it.each([
  ['of a process that is gone', `${GONE} HOST x1\n`],
  ['of one whose number is used again', `${process.ppid} HOST 00000000x1\n`],
  ['of an older version, gone', `${GONE} HOST\n`],
])('a lock %s is taken over', async (_, text) => {
  await writeFile(lock(), text.replace('HOST', hostname()))
  const release = await take()
  expect(await readFile(lock(), 'utf8')).toContain(`${process.pid} ${hostname()} `)
  await release()
  expect(await readdir(root)).toEqual([])
})

it('a lock of another machine stays, and so does one that is being written', async () => {
  await writeFile(lock(), '7 another-machine x\n')
  await expect(take()).rejects.toThrow('process 7 on another-machine is working')
  await writeFile(lock(), '12')
  await expect(take()).rejects.toThrow(
    `${root}: other processes are locking this run folder; wait for them or use another --name`,
  )
  expect(await readFile(lock(), 'utf8')).toBe('12')
})

it('a lock that another has by now is not released', async () => {
  const release = await take()
  await writeFile(lock(), '7 another-machine x\n')
  await release()
  expect((await stat(lock())).isFile()).toBe(true)
})

it('a folder that cannot be written to is named', async () => {
  const place = join(root, 'full')
  await writeFile(place, '')
  await expect(lockRun(runFolder(join(place, 'run')))).rejects.toThrow(
    `${join(place, 'run')}: the folder cannot be created; choose another folder with --runs`,
  )
  await expect(lockRun(runFolder('/proc/self/task'))).rejects.toThrow(/cannot be (written|made)/)
})

/** Starts at the moment given; says whether it got the lock, holds it for a while, ends with or without a release. */
const HOLDER = `
import { lockRun } from '${pathToFileURL(join(packageRoot(), 'dist/src/pipeline/run/run-lock.js')).href}'
import { runFolder } from '${pathToFileURL(join(packageRoot(), 'dist/src/pipeline/run/run-folder.js')).href}'
import { appendFileSync } from 'node:fs'
const [root, log, start] = process.argv.slice(1)
while (Date.now() < Number(start)) {}
const note = word => appendFileSync(log, word + ' ' + process.pid + '\\n')
const release = await lockRun(runFolder(root)).catch(error => note(error.name === 'InputError' ? 'refused' : error.stack))
if (release) {
  note('holds')
  await new Promise(resolve => setTimeout(resolve, 300))
  note('ends')
  await release()
}
`

it('of many processes at one moment, with the lock of a killed one, one has it at a time', {
  timeout: 240_000,
}, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const log = join(root, '..', `log-${round}`)
    await writeFile(lock(), `${GONE} ${hostname()} x1\n`)
    const start = Date.now() + 2500
    const children = Array.from({ length: PROCESSES }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', HOLDER, root, log, String(start)], {
        stdio: 'inherit',
      }),
    )
    await Promise.all(children.map(child => new Promise(resolve => child.on('exit', resolve))))
    const words = (await readFile(log, 'utf8'))
      .trim()
      .split('\n')
      .map(line => line.split(' ')[0])
    expect(words.filter(word => word !== 'refused').join(' ')).toMatch(/^(holds ends ?)+$/)
    expect(words.length - words.filter(word => word === 'ends').length).toBe(PROCESSES)
    expect((await readdir(root)).filter(name => name.includes('lock'))).toEqual([])
  }
})

it('what a killed process left half written goes, what one at work writes stays', async () => {
  await mkdir(join(root, 'maps'))
  const dead = (): string => temporaryName().replace(`-${process.pid}-`, `-${GONE}-`)
  const files = [dead(), `maps/${dead()}`, `maps/${temporaryName()}`, 'maps/a.safetensors', 'maps/.notes.tmp']
  for (const file of files) await writeFile(join(root, file), '')
  await removeLeftoversBelow(root)
  expect((await readdir(root, { recursive: true })).sort()).toEqual(['maps', ...files.slice(2)].sort())
})
