import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { readImage, writeImage } from './image.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-image-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const at = (name: string) => join(folder, name)

/** 6 x 4, every byte different. */
const RAW = Uint8Array.from({ length: 72 }, (_, i) => (i * 37) % 256)
const picture = (data: Uint8Array = RAW) => sharp(data, { raw: { width: 6, height: 4, channels: 3 } })

test('PNG is read back byte for byte; no colour profile is applied', async () => {
  await writeImage(at('a.png'), { width: 6, height: 4, data: RAW })
  expect(await readImage(at('a.png'))).toEqual({ width: 6, height: 4, data: RAW })
  await picture().withIccProfile('p3').png().toFile(at('profile.png'))
  const { data } = await sharp(at('profile.png'), { ignoreIcc: true })
    .raw()
    .toBuffer({ resolveWithObject: true })
  expect((await readImage(at('profile.png'))).data).toEqual(new Uint8Array(data))
})

test('grey is repeated, alpha is dropped, 16 bits are cut to the high byte', async () => {
  const grey = Uint8Array.from({ length: 24 }, (_, i) => i * 10)
  const tripled = Uint8Array.from({ length: 72 }, (_, i) => grey[Math.floor(i / 3)]!)
  const raw = { width: 6, height: 4, channels: 1 } as const
  await sharp(grey, { raw }).toColourspace('b-w').png().toFile(at('grey.png'))
  expect((await readImage(at('grey.png'))).data).toEqual(tripled)

  const rgba = Uint8Array.from({ length: 96 }, (_, i) => (i % 4 === 3 ? 100 : i))
  await sharp(rgba, { raw: { ...raw, channels: 4 } })
    .png()
    .toFile(at('alpha.png'))
  expect((await readImage(at('alpha.png'))).data).toEqual(rgba.filter((_, i) => i % 4 !== 3))

  const greyAlpha = Uint8Array.from({ length: 48 }, (_, i) => (i % 2 === 1 ? 100 : grey[i >> 1]!))
  await sharp(greyAlpha, { raw: { ...raw, channels: 2 } })
    .toColourspace('b-w')
    .png()
    .toFile(at('grey-alpha.png'))
  expect((await readImage(at('grey-alpha.png'))).data).toEqual(tripled)

  const deep = Uint16Array.from(RAW, value => value * 256 + 200)
  const deepRaw = { raw: { width: 6, height: 4, channels: 3 } } as const
  await sharp(deep, deepRaw).toColourspace('rgb16').png().toFile(at('deep.png'))
  expect((await sharp(at('deep.png')).metadata()).depth).toBe('ushort')
  expect((await readImage(at('deep.png'))).data).toEqual(RAW)

  const deepGrey = Uint16Array.from(grey, value => value * 256 + 200)
  await sharp(deepGrey, { raw }).toColourspace('grey16').png().toFile(at('deep-grey.png'))
  expect((await sharp(at('deep-grey.png')).metadata()).depth).toBe('ushort')
  expect((await readImage(at('deep-grey.png'))).data).toEqual(tripled)
})

test('CMYK becomes RGB as in Pillow: each ink times the light that black leaves', async () => {
  await picture().toColourspace('cmyk').jpeg({ quality: 100 }).toFile(at('cmyk.jpg'))
  const { data: inks, info } = await sharp(at('cmyk.jpg'), { ignoreIcc: true })
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw()
    .toBuffer({ resolveWithObject: true })
  expect(info.channels).toBe(4)
  const { data } = await readImage(at('cmyk.jpg'))
  for (let pixel = 0; pixel < 24; pixel++) {
    const light = 255 - inks[pixel * 4 + 3]!
    for (let c = 0; c < 3; c++)
      expect(Math.abs(data[pixel * 3 + c]! - (light * (255 - inks[pixel * 4 + c]!)) / 255)).toBeLessThan(1)
  }
})

test('the EXIF orientation is applied', async () => {
  await picture().withMetadata({ orientation: 6 }).png().toFile(at('turned.png')) // turn right by 90 degrees
  const { width, height, data } = await readImage(at('turned.png'))
  expect([width, height]).toEqual([4, 6])
  expect([...data.subarray(0, 3)]).toEqual([...RAW.subarray(3 * 6 * 3, 3 * 6 * 3 + 3)])
})

test('a picture 20,000 pixels wide is read', async () => {
  const create = { width: 20_000, height: 3, channels: 3, background: { r: 1, g: 2, b: 3 } } as const
  await sharp({ create }).jpeg().toFile(at('wide.jpg'))
  expect((await readImage(at('wide.jpg'))).width).toBe(20_000)
})

test('a picture too large for memory is refused before it is decoded', async () => {
  const header = await picture().png().toBuffer()
  header.writeUInt32BE(60_000, 16)
  header.writeUInt32BE(60_000, 20)
  await writeFile(at('bomb.png'), header)
  await expect(readImage(at('bomb.png'))).rejects.toThrow(/60000 x 60000 pixels; at most/)
})

test('what is no whole picture is refused by name', async () => {
  const noise = Uint8Array.from({ length: 90_000 }, (_, i) => (i * i * 31) >> 3)
  const jpeg = await sharp(noise, { raw: { width: 200, height: 150, channels: 3 } })
    .jpeg()
    .toBuffer()
  const png = await sharp(noise, { raw: { width: 200, height: 150, channels: 3 } })
    .png()
    .toBuffer()
  const files: [string, Uint8Array | string, RegExp][] = [
    ['cut.jpg', jpeg.subarray(0, jpeg.length / 2), /cut\.jpg: cannot be decoded/],
    ['cut.png', png.subarray(0, png.length / 2), /cut\.png: cannot be decoded/],
    ['empty.jpg', '', /empty\.jpg: is empty \(0 bytes\)/],
    ['text.jpg', 'hello there', /text\.jpg: cannot be decoded .*a JPEG, PNG or WebP picture is needed/],
  ]
  for (const [name, bytes, message] of files) {
    await writeFile(at(name), bytes)
    const read = readImage(at(name))
    await expect(read).rejects.toThrow(InputError)
    await expect(read).rejects.toThrow(message)
  }
  await expect(readImage(at('none.jpg'))).rejects.toThrow(/none\.jpg: cannot be read/)
})

test('only endings that say PNG or JPEG are written', async () => {
  await expect(writeImage(at('a.gif'), { width: 6, height: 4, data: RAW })).rejects.toThrow(
    /use \.png, \.jpg/,
  )
  await writeImage(at('a.jpg'), { width: 6, height: 4, data: RAW })
  expect((await readImage(at('a.jpg'))).height).toBe(4)
})
