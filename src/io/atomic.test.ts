import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { explainWriteError, removeLeftovers, writeFileAtomic } from './atomic.ts'
import { temporaryName } from './temporary-name.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-atomic-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('writes text, bytes and several buffers, over an old file too, and leaves nothing else', async () => {
  const path = join(folder, 'a.txt')
  await writeFileAtomic(path, 'old')
  await writeFileAtomic(path, [Buffer.from('new '), Buffer.from(''), Buffer.from('text')], { durable: true })
  expect(await readFile(path, 'utf8')).toBe('new text')
  await writeFileAtomic(path, Uint8Array.of(1, 2))
  expect([...(await readFile(path))]).toEqual([1, 2])
  expect(await readdir(folder)).toEqual(['a.txt'])
})

test('of many writers at once one wins whole', async () => {
  const path = join(folder, 'race')
  const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(5000))
  await Promise.all(texts.map(text => writeFileAtomic(path, text)))
  expect(texts).toContain(await readFile(path, 'utf8'))
  expect(await readdir(folder)).toEqual(['race'])
})

test('a missing folder, a file for a folder, a folder for a file', async () => {
  await expect(writeFileAtomic(join(folder, 'no/where.txt'), 'x')).rejects.toThrow(
    /folder .*no does not exist/,
  )
  await writeFile(join(folder, 'file'), '')
  await expect(writeFileAtomic(join(folder, 'file/x.txt'), 'x')).rejects.toThrow(/is not a folder/)
  await mkdir(join(folder, 'taken/inner'), { recursive: true })
  await expect(writeFileAtomic(join(folder, 'taken'), 'x')).rejects.toThrow(/in the way/)
  expect((await readdir(folder)).sort()).toEqual(['file', 'taken'])
})

test('the system says the disk is full: the message does too', async () => {
  const full = await writeFile('/dev/full', 'x').catch((error: unknown) => error)
  const error = explainWriteError('runs/a/last.safetensors', full)
  expect(error).toBeInstanceOf(InputError)
  expect(String(error)).toMatch(/runs\/a\/last.safetensors: cannot be written: the disk is full/)
})

/** A small file system, or undefined where this user may not mount one. */
function mountTiny(path: string, options: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tagmask-test', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test('on a full disk the old file stays and the temporary one goes', async context => {
  if (!mountTiny(folder, 'size=64k')) context.skip('mounting a small file system needs root')
  try {
    const path = join(folder, 'weights')
    await writeFileAtomic(path, 'old')
    await expect(writeFileAtomic(path, new Uint8Array(200_000))).rejects.toThrow(/the disk is full/)
    expect(await readFile(path, 'utf8')).toBe('old')
    expect(await readdir(folder)).toEqual(['weights'])
    execFileSync('mount', ['-o', 'remount,ro', folder])
    await expect(writeFileAtomic(path, 'new')).rejects.toThrow(/read-only/)
  } finally {
    execFileSync('umount', [folder])
  }
})

test('names as long as the disk takes, and one longer', async () => {
  const longest = join(folder, 'é'.repeat(125).padEnd(130, 'x')) // 255 bytes
  await writeFileAtomic(longest, 'text')
  expect(await readFile(longest, 'utf8')).toBe('text')
  await expect(writeFileAtomic(`${longest}x`, 'text')).rejects.toThrow(
    `${longest}x: cannot be written: the name is too long; choose a shorter one`,
  )
  await expect(writeFileAtomic(join(folder, 'a\0b'), 'text')).rejects.toThrow(
    'cannot be written: the name holds a NUL character; choose another name',
  )
  expect(await readdir(folder)).toHaveLength(1)
})

test('what a killed process left is removed, what a living one writes is not', async () => {
  const code = `
    const { writeFileAtomic } = await import(${JSON.stringify(join(import.meta.dirname, '../../dist/src/io/atomic.js'))})
    const halt = { get byteLength() { console.log('writing'); while (true); } }
    await writeFileAtomic(${JSON.stringify(join(folder, 'weights'))}, [new Uint8Array(100), halt])`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const [written = ''] = await readdir(folder)
  expect(written).toMatch(/^\.tagmask-.*\.tmp$/)
  expect(await removeLeftovers(folder)).toEqual([])
  child.kill('SIGKILL')
  await once(child, 'exit')
  const others = ['.photo.jpg.123.0a0b0c0d.tmp', 'notes.tmp', '.tagmask-notes.tmp', 'weights']
  for (const name of others) await writeFile(join(folder, name), 'x')
  expect(await removeLeftovers(folder)).toEqual([written])
  expect((await readdir(folder)).sort()).toEqual(others.sort())
  expect(await removeLeftovers(join(folder, 'none'))).toEqual([])
})

test("another machine's file is left alone for a day", async () => {
  const name = join(folder, '.tagmask-00000000-1-1-00000000.tmp')
  await writeFile(name, 'x')
  expect(await removeLeftovers(folder)).toEqual([])
  const old = Date.now() / 1000 - 25 * 60 * 60
  await utimes(name, old, old)
  expect(await removeLeftovers(folder)).toHaveLength(1)
})

test('a number that another process has by now does not keep a file', async () => {
  const own = temporaryName()
  const reused = own.replace(/-(\d+)-(?=[0-9a-f]{8}\.tmp$)/, '-1-')
  expect(reused).not.toBe(own)
  for (const name of [own, reused]) await writeFile(join(folder, name), 'x')
  expect(await removeLeftovers(folder)).toEqual([reused])
})
