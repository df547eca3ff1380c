import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { explainWriteError, writeFileAtomic } from './atomic.ts'

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
