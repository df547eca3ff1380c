import { spawnSync } from 'node:child_process'
import { appendFile, mkdtemp, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import { silentLog } from '../../train/log.ts'
import { openFileContents } from './file-contents.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-contents-'))
})

const cache = (): string => join(folder, 'cache.json')

async function contentOf(path: string): Promise<string> {
  const contents = await openFileContents(cache())
  await contents.read([path], { log: silentLog() })
  return contents.of(path)
}

it('an edit of the same size at the same time is seen', async () => {
  const file = join(folder, 'a.jpg')
  await writeFile(file, 'one')
  const one = await contentOf(file)
  expect(await contentOf(file)).toBe(one)
  const { atime, mtime } = await stat(file)
  await writeFile(file, 'two')
  await utimes(file, atime, mtime)
  const two = await contentOf(file)
  expect(two).not.toBe(one)
  await writeFile(join(folder, 'b.jpg'), 'six')
  await utimes(join(folder, 'b.jpg'), atime, mtime)
  await rename(join(folder, 'b.jpg'), file)
  expect([one, two]).not.toContain(await contentOf(file))
  await appendFile(file, 'x')
  expect(await contentOf(join(folder, 'a.jpg'))).toMatch(/^[0-9a-f]{32}$/)
})

it('a file just written is not believed in, one left alone is read once', { timeout: 20_000 }, async () => {
  const file = join(folder, 'a.jpg')
  await writeFile(file, 'one')
  const hash = await contentOf(file)
  await expect(readFile(cache(), 'utf8')).rejects.toThrow('ENOENT')
  await new Promise(resolve => setTimeout(resolve, 3200))
  expect(await contentOf(file)).toBe(hash)
  const text = await readFile(cache(), 'utf8')
  expect(text).toContain(hash)
  await writeFile(cache(), text.replace(hash, 'from the cache'))
  expect(await contentOf(file)).toBe('from the cache')
  await writeFile(cache(), 'cut sho')
  expect(await contentOf(file)).toBe(hash)
})

it('what is absent, a folder or a pipe has a word, and nothing waits for it', async () => {
  expect(await contentOf(join(folder, 'no.jpg'))).toBe('absent')
  expect(await contentOf(folder)).toBe('no file')
  const pipe = join(folder, 'pipe.jpg')
  if (spawnSync('mkfifo', [pipe]).status === 0) expect(await contentOf(pipe)).toBe('no file')
  const file = join(folder, 'a.jpg')
  await writeFile(file, 'one')
  const contents = await openFileContents(cache())
  await contents.read([file], { log: silentLog() })
  await rm(file)
  expect(await contents.again(file)).toBe('absent')
})
