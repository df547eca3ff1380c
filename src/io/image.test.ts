import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { crc32 } from './checksum.ts'
import { readImage, writeImage } from './image.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-image-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const at = (name: string) => join(folder, name)

/** 6 x 4, every byte different. */
const RAW = Uint8Array.from({ length: 72 }, (_, i) => (i * 37) % 256)
const image = (data: Uint8Array = RAW) => sharp(data, { raw: { width: 6, height: 4, channels: 3 } })

test('PNG is read back byte for byte; no colour profile is applied', async () => {
  await writeImage(at('a.png'), { width: 6, height: 4, data: RAW })
  expect(await readImage(at('a.png'))).toEqual({ width: 6, height: 4, data: RAW })
  await image().withIccProfile('p3').png().toFile(at('profile.png'))
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
  await image().toColourspace('cmyk').jpeg({ quality: 100 }).toFile(at('cmyk.jpg'))
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
  await image().withMetadata({ orientation: 6 }).png().toFile(at('turned.png')) // turn right by 90 degrees
  const { width, height, data } = await readImage(at('turned.png'))
  expect([width, height]).toEqual([4, 6])
  expect([...data.subarray(0, 3)]).toEqual([...RAW.subarray(3 * 6 * 3, 3 * 6 * 3 + 3)])
})

test('an image 20,000 pixels wide is read', async () => {
  const create = { width: 20_000, height: 3, channels: 3, background: { r: 1, g: 2, b: 3 } } as const
  await sharp({ create }).jpeg().toFile(at('wide.jpg'))
  expect((await readImage(at('wide.jpg'))).width).toBe(20_000)
})

test('an image too large for memory is refused before it is decoded', async () => {
  const header = await image().png().toBuffer()
  header.writeUInt32BE(60_000, 16)
  header.writeUInt32BE(60_000, 20)
  await writeFile(at('bomb.png'), header)
  await expect(readImage(at('bomb.png'))).rejects.toThrow(/60000 x 60000 pixels; at most/)
})

test('what is no whole image is refused by name', async () => {
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
    ['text.jpg', 'hello there', /text\.jpg: cannot be decoded .*a JPEG, PNG or WebP image is needed/],
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

describe('what is no regular image file is refused at once, in words', () => {
  test('a pipe, a socket, a device, a folder, a broken link, a link in a circle', async () => {
    execFileSync('mkfifo', [at('pipe.jpg')])
    await symlink(at('pipe.jpg'), at('to-pipe.jpg'))
    await symlink('/dev/zero', at('device.jpg'))
    await symlink(at('gone.jpg'), at('broken-link.jpg'))
    await symlink(at('circle.jpg'), at('circle.jpg'))
    await mkdir(at('folder.jpg'))
    const server = createServer().listen(at('socket.jpg'))
    await once(server, 'listening')
    const messages: [string, string][] = [
      ['pipe.jpg', 'is a pipe; a file'],
      ['to-pipe.jpg', 'is a pipe; a file'],
      ['device.jpg', 'is a device; a file'],
      ['socket.jpg', 'is a socket or a device; a file'],
      ['folder.jpg', 'is a folder; a file'],
      ['broken-link.jpg', 'cannot be read (it does not exist)'],
      ['circle.jpg', 'is a link that leads back to itself; a file'],
      [`${'x'.repeat(300)}.jpg`, 'the name is too long for this disk; a shorter name'],
    ]
    for (const [name, message] of messages) expect(await failure(at(name))).toBe(`${at(name)}: ${message}`)
    server.close()
  })

  test('another kind of file under the ending of a photo', async () => {
    const heic = Buffer.from('\0\0\0\x18ftypmif1\0\0\0\0mif1heic', 'latin1')
    const bmp = Buffer.from('BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0', 'latin1')
    const svg =
      '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="5" height="5"/></svg>'
    const files: [string, Uint8Array | string, string][] = [
      ['heic', heic, 'a HEIC photo'],
      ['film', Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isommp42', 'latin1'), 'a film'],
      ['bmp', bmp, 'a BMP image'],
      ['svg', svg, 'an SVG drawing'],
      ['web', '<!DOCTYPE html><html></html>', 'a web page'],
      ['raw', Buffer.from('II*\0\x10\0\0\0CR\x02\0', 'latin1'), 'a camera raw photo'],
    ]
    for (const [name, bytes, kind] of files) {
      const path = at(`${name}.jpg`)
      await writeFile(path, bytes)
      const expected = `${path}: is ${kind}, which cannot be read; convert it to JPEG or PNG`
      expect(await failure(path)).toBe(expected)
    }
  })

  test('20,000 x 20,000 pixels are named before they are decoded', async () => {
    const path = at('vast.png')
    const header = await image().png().toBuffer()
    header.writeUInt32BE(20_000, 16)
    header.writeUInt32BE(20_000, 20)
    header.writeUInt32BE(crc32(header.subarray(12, 29)), 29)
    await writeFile(path, header)
    expect(await failure(path)).toBe(
      `${path}: the image has 20000 x 20000 pixels; at most 200 million are read: make it smaller`,
    )
  })

  test('pixels of an unknown scale, more channels than a colour has', async () => {
    const path = at('odd.tif')
    await writeFile(path, tiff({ bits: 32, format: 3, data: Float32Array.of(0, 0.25, 0.5, 1) }))
    expect(await failure(path)).toBe(
      `${path} (pixels): its pixels are of the type float, whose black and white nobody knows; ` +
        'save it with 8 or 16 bits for each channel',
    )
    await writeFile(path, tiff({ channels: 5, data: new Uint8Array(20) }))
    expect(await failure(path)).toBe(`${path} (channels): has 5 channels; save it as RGB or grey`)
    await writeFile(path, tiff({ data: Uint8Array.of(9, 8, 7, 6) }))
    expect([...(await readImage(path)).data]).toEqual([9, 9, 9, 8, 8, 8, 7, 7, 7, 6, 6, 6])
  })
})

test('of several pages or frames the first is read', async () => {
  const pages = Buffer.concat([RAW, RAW.map(value => 255 - value)])
  const raw = { width: 6, height: 8, channels: 3, pageHeight: 4 } as const
  await sharp(pages, { raw }).webp({ lossless: true }).toFile(at('frames.webp'))
  await sharp(pages, { raw }).tiff({ compression: 'none' }).toFile(at('pages.tif'))
  await sharp(pages, { raw }).gif().toFile(at('frames.gif'))
  for (const name of ['frames.webp', 'pages.tif', 'frames.gif']) {
    expect((await sharp(at(name)).metadata()).pages).toBe(2)
    expect(await readImage(at(name))).toMatchObject({ width: 6, height: 4 })
  }
  expect((await readImage(at('pages.tif'))).data).toEqual(RAW)
})

test('a header that claims more pixels than its file can hold is refused before they are decoded', async () => {
  const gif = await sharp(RAW, { raw: { width: 6, height: 4, channels: 3 } })
    .gif()
    .toBuffer()
  const frame = gif.indexOf(Buffer.of(0x2c, 0, 0, 0, 0, 6, 0, 4, 0))
  for (const offset of [5, 7]) gif.writeUInt16LE(14_000, frame + offset) // width and height
  await writeFile(at('claims.gif'), gif)
  const megabytes = (gif.length / 1e6).toPrecision(1)
  expect(await failure(at('claims.gif'))).toBe(
    `${at('claims.gif')} (pixels): asks for 588 MB of memory, which a file of ${megabytes} MB cannot need; a file that is neither damaged nor made to fill the memory`,
  )
  const paper = { width: 5000, height: 5000, channels: 3, background: 'white' } as const
  await sharp({ create: paper }).jpeg().toFile(at('paper.jpg'))
  expect(await readImage(at('paper.jpg'))).toMatchObject({ width: 5000, height: 5000 })
})

async function failure(path: string): Promise<string> {
  const error = await readImage(path).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(InputError)
  return (error as InputError).message
}

/** 4 x 1 pixels, not packed. */
function tiff({
  bits = 8,
  channels = 1,
  format = 1,
  data,
}: {
  bits?: number
  channels?: number
  format?: number
  data: Uint8Array | Float32Array
}): Buffer {
  const tags: [number, number][] = [
    [256, 4], // width
    [257, 1],
    [258, bits],
    [259, 1], // not packed
    [262, 1], // black is 0
    [273, 8 + 2 + 10 * 12 + 4], // where the pixels begin
    [277, channels],
    [278, 1],
    [279, data.byteLength],
    [339, format],
  ]
  const header = Buffer.alloc(8 + 2 + tags.length * 12 + 4)
  header.write('II*\0\x08', 'latin1')
  header.writeUInt16LE(tags.length, 8)
  for (const [i, [tag, value]] of tags.entries()) {
    header.writeUInt16LE(tag, 10 + i * 12)
    header.writeUInt16LE(3, 12 + i * 12) // one short
    header.writeUInt32LE(1, 14 + i * 12)
    header.writeUInt16LE(value, 18 + i * 12)
  }
  return Buffer.concat([header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)])
}
