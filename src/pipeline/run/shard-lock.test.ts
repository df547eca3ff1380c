import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packageRoot } from '../../io/package-root.ts'
import { parseShard } from '../images/shard.ts'
import type { Lease } from './lock-file.ts'
import { type LockPlace, lockShard, lockWhole, workersIn } from './shard-lock.ts'

const LEASE: Lease = { every: 50, patience: 600 }
const SELF = `process ${process.pid} on ${hostname()}`
let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-shards-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const place = (): LockPlace => ({ folder, prefix: 'lock', what: 'run folder', another: 'use another --name' })
const whole = () => lockWhole(place(), { lease: LEASE })
const take = async (text: string, { work = 'maps', enter = async () => true } = {}) =>
  (await lockShard(place(), { work, shard: parseShard(text), lease: LEASE }, enter))!

describe('shards', () => {
  it('work at once, and leave nothing', async () => {
    const releases = [
      await take('1/3'),
      await take('3/3'),
      await take('2/3'),
      await take('1/2', { work: 'refine' }),
    ]
    expect((await readdir(folder)).sort()).toEqual([
      'lock.maps.1-of-3',
      'lock.maps.2-of-3',
      'lock.maps.3-of-3',
      'lock.refine.1-of-2',
    ])
    expect(await workersIn(place())).toHaveLength(4)
    for (const release of releases) await release()
    expect(await readdir(folder)).toEqual([])
  })

  it('are one process each', async () => {
    const release = await take('2/3')
    await expect(take('2/3')).rejects.toThrow(
      `${folder}: ${SELF} is at work on shard 2/3 of maps; give each process a shard of its own`,
    )
    await release()
    await (await take('2/3'))()
  })

  it('of one work have one n', async () => {
    const release = await take('2/3')
    await expect(take('2/4')).rejects.toThrow(
      `${folder}: ${SELF} is at work on shard 2/3 of maps in this run folder; all shards of maps that are at work at once have one n: wait for it`,
    )
    expect(await readdir(folder)).toEqual(['lock.maps.2-of-3'])
    await release()
  })

  it('refuse a process that wants the whole folder, and are refused by it', async () => {
    const release = await take('2/3')
    await expect(whole()).rejects.toThrow(
      `${folder}: ${SELF} is at work on shard 2/3 of maps in this run folder; wait for it or use another --name`,
    )
    await release()
    const all = await whole()
    await expect(take('2/3')).rejects.toThrow(
      `${folder}: ${SELF} is working in this run folder; wait for it or use another --name; if it is gone, delete ${join(folder, 'lock')}`,
    )
    await all()
    expect(await readdir(folder)).toEqual([])
  })

  it('give the lock back when they cannot enter', async () => {
    expect(await take('1/2', { enter: async () => false })).toBeUndefined()
    await expect(take('1/2', { enter: () => Promise.reject(new Error('no')) })).rejects.toThrow('no')
    expect(await readdir(folder)).toEqual([])
  })
})

describe('a process that died', () => {
  const of = (host: string) => writeFile(join(folder, 'lock.maps.1-of-2'), `999999999 ${host} x1\n`)

  it('on this machine is replaced at once, by its shard or by a process for the whole folder', async () => {
    await of(hostname())
    await (await take('1/2'))()
    await of(hostname())
    await (await whole())()
    expect(await readdir(folder)).toEqual([])
  })

  it('on another machine is one that no longer renews its lock', async () => {
    await of('another-machine')
    await (await take('1/2'))()
    await of('another-machine')
    await (await whole())()
    expect(await readdir(folder)).toEqual([])
  })

  it('is not one that renews it', async () => {
    await of('another-machine')
    const timer = setInterval(() => {
      const now = new Date()
      void utimes(join(folder, 'lock.maps.1-of-2'), now, now)
    }, LEASE.every)
    try {
      await expect(take('1/2')).rejects.toThrow(
        'process 999999999 on another-machine is at work on shard 1/2 of maps',
      )
      await expect(whole()).rejects.toThrow(
        'process 999999999 on another-machine is at work on shard 1/2 of maps',
      )
    } finally {
      clearInterval(timer)
    }
  })

  it('renews it while it lives', async () => {
    const release = await take('1/2')
    const lock = join(folder, 'lock.maps.1-of-2')
    await utimes(lock, 1, 1)
    await new Promise(resolve => setTimeout(resolve, 6 * LEASE.every))
    const { mtimeMs } = await import('node:fs/promises').then(({ stat }) => stat(lock))
    expect(mtimeMs).toBeGreaterThan(2000)
    await release()
  })
})

/** Takes its shard at the moment given; notes when it may enter and when it leaves. */
const SHARD = `
import { lockShard } from '${pathToFileURL(join(packageRoot(), 'dist/src/pipeline/run/shard-lock.js')).href}'
import { appendFileSync } from 'node:fs'
const [folder, log, start, index, count] = process.argv.slice(1)
const note = word => appendFileSync(log, word + '\\n')
while (Date.now() < Number(start)) {}
const place = { folder, prefix: 'lock', what: 'folder', another: 'go' }
const shard = { index: Number(index), count: Number(count) }
const release = await lockShard(place, { work: 'maps', shard }, async () => {
  note('in')
  await new Promise(resolve => setTimeout(resolve, 30))
  note('out')
  return true
}).catch(error => note(error.message))
await new Promise(resolve => setTimeout(resolve, 300))
await release?.()
`

it('of many processes at one moment, beside a lock of a killed one, each enters alone', {
  timeout: 60_000,
}, async () => {
  const log = join(folder, '..', `${Date.now()}-shards.log`)
  for (const name of ['lock.gate', 'lock.maps.3-of-6', 'lock'])
    await writeFile(join(folder, name), `999999999 ${hostname()} x1\n`)
  const start = String(Date.now() + 2500)
  const children = Array.from({ length: 6 }, (_, i) =>
    spawn(process.execPath, ['--input-type=module', '-e', SHARD, folder, log, start, String(i + 1), '6'], {
      stdio: 'inherit',
    }),
  )
  await Promise.all(children.map(child => new Promise(resolve => child.on('exit', resolve))))
  expect(await readFile(log, 'utf8')).toBe('in\nout\n'.repeat(6))
  await rm(log)
  expect(await readdir(folder)).toEqual(['lock']) // of the killed one
})
