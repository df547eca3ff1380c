import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { withZip } from './zip.ts'
import { type ZipItem, zipped } from './zip-writer.ts'

async function* each(items: readonly ZipItem[]): AsyncGenerator<ZipItem> {
  yield* items
}

async function bytesOf(items: AsyncIterable<ZipItem>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of zipped(items)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const ITEMS: readonly ZipItem[] = [
  { name: 'a.txt', data: 'text ü' },
  { name: 'deep/er/ü "b".bin', data: new Uint8Array(100_000).fill(7) },
  { name: 'empty', data: '' },
]

it('is read back, folders, names and empty files too; the same files give the same bytes', async () => {
  const path = join(await temporaryFolder([]), 'a.zip')
  const bytes = await bytesOf(each(ITEMS))
  await writeFile(path, bytes)
  await withZip(path, async entries => {
    expect([...entries.keys()]).toEqual(ITEMS.map(({ name }) => name))
    for (const { name, data } of ITEMS)
      expect(Buffer.from(await entries.get(name)!.read())).toEqual(Buffer.from(data))
  })
  expect(await bytesOf(each(ITEMS))).toEqual(bytes)
})

it('asks for an item when those before it have been taken', async () => {
  let made = 0
  async function* many(): AsyncGenerator<ZipItem> {
    for (; made < 200; made++) yield { name: `${made}`, data: randomBytes(100_000) }
  }
  let bytes = 0
  let most = 0
  for await (const chunk of zipped(many())) {
    bytes += chunk.byteLength
    most = Math.max(most, made * 100_000 - bytes)
    if (bytes % 7 === 0) await new Promise(resolve => setTimeout(resolve, 1))
  }
  expect(made).toBe(200)
  expect(most).toBeLessThan(500_000)
})

it('ends with the error of its items, and refuses a backslash', async () => {
  async function* failing(): AsyncGenerator<ZipItem> {
    yield ITEMS[0]!
    throw new Error('no more')
  }
  await expect(bytesOf(failing())).rejects.toThrow('no more')
  await expect(bytesOf(each([{ name: 'a\\b', data: '' }]))).rejects.toThrow(
    'a\\b: has a backslash in its name, which zip archives take for a folder; rename the file',
  )
})

it('leaves nothing running when its reader stops', async () => {
  let ended = false
  async function* many(): AsyncGenerator<ZipItem> {
    try {
      for (let i = 0; ; i++) yield { name: `${i}`, data: randomBytes(100_000) }
    } finally {
      ended = true
    }
  }
  for await (const _ of zipped(many())) break
  await new Promise(resolve => setTimeout(resolve, 50))
  expect(ended).toBe(true)
})
