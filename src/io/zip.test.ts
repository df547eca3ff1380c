import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { archive as archiveOf } from '../../test/fuzz/pickles.ts'
import { InputError } from '../errors.ts'
import { crc32 } from './checksum.ts'
import { withZip } from './zip.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-zip-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** An archive of one entry. `claimed` is the size that the archive says it inflates to. */
function archive(name: string, content: string, { deflate = false, claimed = content.length } = {}): Buffer {
  const data = deflate ? deflateRawSync(content) : Buffer.from(content)
  const header = (signature: number, length: number, at: number) => {
    const bytes = Buffer.alloc(length)
    bytes.writeUInt32LE(signature)
    bytes.writeUInt16LE(deflate ? 8 : 0, at) // method
    bytes.writeUInt32LE(data.length, at + 10)
    bytes.writeUInt32LE(claimed, at + 14)
    bytes.writeUInt16LE(name.length, at + 18)
    return Buffer.concat([bytes, Buffer.from(name)])
  }
  const local = Buffer.concat([header(0x04034b50, 30, 8), data])
  const central = header(0x02014b50, 46, 10)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50)
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, central, end])
}

async function readAll(bytes: Uint8Array): Promise<Record<string, string>> {
  const path = join(folder, 'made.zip')
  await writeFile(path, bytes)
  return withZip(path, async entries => {
    const texts: Record<string, string> = {}
    for (const [name, entry] of entries) texts[name] = Buffer.from(await entry.read()).toString()
    return texts
  })
}

test('stored and deflated entries are read', async () => {
  const text = 'weights '.repeat(1000)
  expect(await readAll(archive('a/data.pkl', text))).toEqual({ 'a/data.pkl': text })
  expect(await readAll(archive('a/data.pkl', text, { deflate: true }))).toEqual({ 'a/data.pkl': text })
})

test('an entry that inflates to another size than claimed is refused', async () => {
  const lying = archive('a', 'weights '.repeat(1000), { deflate: true, claimed: 10 })
  await expect(readAll(lying)).rejects.toThrow(InputError)
})

test('an archive whose directory points outside the file is refused, where yauzl alone would crash Node', async () => {
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07064b50)
  locator.writeBigUInt64LE(2n ** 54n + 2n, 8)
  locator.writeUInt32LE(1, 16)
  const end = Buffer.alloc(22, 0xff)
  end.writeUInt32LE(0x06054b50)
  end.writeUInt32LE(0, 4) // this disk, and the disk of the directory
  end.writeUInt16LE(0, 20)
  await expect(readAll(Buffer.concat([Buffer.from('PK\x03\x04'), locator, end]))).rejects.toThrow(/cut off/)
})

test.each([{ deflate: false }, { deflate: true }])(
  'a changed byte is found by the checksum %o',
  async ({ deflate }) => {
    const text = 'weights '.repeat(100)
    const whole = archive('a/data.pkl', text, { deflate })
    const central = whole.indexOf(Buffer.from('PK\x01\x02', 'latin1'))
    whole.writeUInt32LE(crc32(Buffer.from(text)), central + 16)
    expect(await readAll(whole)).toEqual({ 'a/data.pkl': text })
    whole.writeUInt32LE(crc32(Buffer.from(`${text.slice(0, -1)}.`)), central + 16)
    await expect(readAll(whole)).rejects.toThrow(
      `${join(folder, 'made.zip')} (a/data.pkl): is damaged: what it holds does not fit its checksum; copy or download it again`,
    )
  },
)

test('a pipe in place of an archive is refused, not waited for', async () => {
  const path = join(folder, 'pipe.pth')
  execFileSync('mkfifo', [path])
  await expect(withZip(path, async () => undefined)).rejects.toThrow(`${path}: is a pipe; a file`)
})

test('an archive of many small entries is listed in few reads', async () => {
  const path = join(folder, 'many.zip')
  const entries = Array.from({ length: 40_000 }, (_, i) => ({ name: `${i}`, data: new Uint8Array(0) }))
  await writeFile(path, archiveOf(entries))
  const before = process.cpuUsage() // not the clock: other tests run at the same time
  expect(await withZip(path, async ({ size }) => size)).toBe(40_000)
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1e6).toBeLessThan(1.5)
})
