/** @file Fuzzed readers of images and masks. */
import { deflateSync, inflateSync } from 'node:zlib'
import { encode } from 'fast-png'
import sharp from 'sharp'
import { countCodes, readMaskPixels } from '../../../src/data/mask-pixels.ts'
import { InputError } from '../../../src/errors.ts'
import { crc32 } from '../../../src/io/checksum.ts'
import { readImage } from '../../../src/io/image.ts'
import { imageSize } from '../../../src/io/image-size.ts'
import { encodeLabelMap, readLabelMap } from '../../../src/io/indexed-png.ts'
import { readOrientation, rotateUpright } from '../../../src/io/orientation.ts'
import { readThumbnail } from '../../../src/io/thumbnail.ts'
import { type Dice, dice, pick } from '../dice.ts'
import type { FuzzedReader } from '../reader.ts'

const DECODED = 256 // src/io/budget.ts: 64 MiB of pixels are any image's; libvips holds them up to three times

const [WIDTH, HEIGHT] = [40, 30]
const pixels = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => (i * i) % 251)
const labels = new Uint8Array(WIDTH * HEIGHT).map((_, i) => i % 21)

/** What no compression shortens. */
const noise = (length: number): Uint8Array => {
  const roll = dice(1)
  return new Uint8Array(length).map(() => roll(256))
}

const photo = () => sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
const turned = () => photo().withMetadata({ orientation: 6 })

/** All kinds of PNG: palette, grey, RGB, with alpha, 16 bits, interlaced, few bits, some colours clear. */
async function pngs(): Promise<Uint8Array[]> {
  const samples = (channels: number): Uint8Array =>
    labels
      .slice(0, 10 * 6 * channels)
      .map((label, i) => ((i + 1) % channels === 0 && channels % 2 === 0 ? 255 : label))
  const deep = Uint16Array.from({ length: 60 }, (_, i) => i * 257)
  return [
    encodeLabelMap({ width: WIDTH, height: HEIGHT, data: labels }),
    encode({ width: 10, height: 6, data: samples(1), channels: 1, depth: 8 }),
    encode({ width: 10, height: 6, data: samples(2), channels: 2, depth: 8 }),
    encode({ width: 10, height: 6, data: samples(3), channels: 3, depth: 8 }),
    encode({ width: 10, height: 6, data: samples(4), channels: 4, depth: 8 }),
    encode({ width: 10, height: 6, data: deep, channels: 1, depth: 16 }),
    await photo().png({ progressive: true, adaptiveFiltering: true }).toBuffer(),
    await photo().resize(9, 7).png({ palette: true, colours: 4 }).toBuffer(),
    chunked(10, 6, [
      ['PLTE', Buffer.from([0, 0, 0, 255, 0, 0])],
      ['tRNS', Buffer.of(0)],
    ]),
  ]
}

type Chunk = readonly [type: string, content: Uint8Array]
const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')

function pngOf(chunks: readonly Chunk[]): Buffer {
  const parts = chunks.flatMap(([type, content]) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), content])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(content.length)
    sum.writeUInt32BE(crc32(body))
    return [length, body, sum]
  })
  return Buffer.concat([SIGNATURE, ...parts])
}

/** Of one bit, interlaced. */
function chunked(width: number, height: number, more: readonly Chunk[]): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header.set([1, 3, 0, 0, 0], 8)
  const rows = new Uint8Array(height * (1 + Math.ceil(width / 8)))
  return pngOf([['IHDR', header], ...more, ['IDAT', deflateSync(rows)], ['IEND', new Uint8Array(0)]])
}

/** Its chunks as far as there are whole ones. */
function chunksOf(bytes: Buffer): Chunk[] {
  const chunks: Chunk[] = []
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    if (at + 12 + length > bytes.length) break
    chunks.push([bytes.toString('latin1', at + 4, at + 8), bytes.subarray(at + 8, at + 8 + length)])
    at += 12 + length
  }
  return chunks
}

/** A third as they are, the others with checksums that fit, some of those with damaged rows in a stream that inflates. */
function withFittingChecksums(bytes: Buffer, roll: Dice): Uint8Array {
  const way = roll(3)
  if (way === 0) return bytes
  const chunks = chunksOf(bytes)
  return way === 1
    ? pngOf(chunks)
    : pngOf(chunks.map(chunk => (roll(2) === 0 ? chunk : damagedInside(chunk, roll))))
}

function damagedInside([type, content]: Chunk, roll: Dice): Chunk {
  const copy = Buffer.from(content)
  if (type === 'IHDR' && copy.length === 13) {
    const [at, value] = pick(
      [
        [0, 2 ** 31 - 1],
        [4, 2 ** 31 - 1],
        [0, 20_000],
        [4, 20_000],
        [0, 500],
        [3, 1],
      ],
      roll,
    )
    if (at % 4 === 0) copy.writeUInt32BE(value, at)
    copy[8] = pick([1, 2, 4, 8, 16], roll)
    copy[9] = pick([0, 2, 3, 4, 6], roll)
    copy[12] = roll(2)
    return [type, copy]
  }
  if (type !== 'IDAT') return [pick(['PLTE', 'tRNS', 'IDAT', 'IEND', 'acTL', type], roll), copy]
  try {
    const rows = inflateSync(copy)
    if (rows.length > 0) rows[roll(rows.length)] = roll(256)
    const more = roll(4) === 0 ? Buffer.alloc(roll(2_000_000)) : Buffer.alloc(0)
    return [type, deflateSync(Buffer.concat([rows.subarray(0, rows.length - roll(2) * roll(9)), more]))]
  } catch {
    return [type, copy]
  }
}

const photos = (format: 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff', inputs: number): FuzzedReader => ({
  name: `${format} photo`,
  seeds: async () => [await photo().toFormat(format).toBuffer(), await turned().toFormat(format).toBuffer()],
  read: async path => {
    const [size, stored] = [await imageSize(path), await readOrientation(path)]
    if ((size === undefined) !== (stored === undefined) && (stored?.width ?? 0) * (stored?.height ?? 0) < 2e8)
      throw new Error('one reader of the header took it, the other did not')
    const image = await readImage(path)
    if (image.data.length !== 3 * image.width * image.height) throw new RangeError('not all pixels')
    if (size !== undefined && (size.width !== image.width || size.height !== image.height))
      throw new RangeError(`${size.width} x ${size.height} before, ${image.width} x ${image.height} after`)
  },
  inputs, // libvips takes milliseconds
  spare: DECODED,
})

export const READERS: readonly FuzzedReader[] = [
  {
    name: 'png of labels',
    large: () => encodeLabelMap({ width: 2000, height: 2000, data: noise(4_000_000) }),
    seeds: pngs,
    wrap: withFittingChecksums,
    async read(path) {
      const { width, height, codes } = await readMaskPixels(path)
      if (codes.length !== width * height) throw new RangeError('not all pixels')
      countCodes(codes)
      const map = await readLabelMap(path).catch((error: unknown) => {
        if (!(error instanceof InputError)) throw error
        return undefined
      })
      if (map !== undefined) rotateUpright(map, 6)
    },
    spare: 32, // deflate packs 1032 to 1, and is taken at its word
  },
  photos('jpeg', 2000),
  photos('png', 1000),
  photos('webp', 1000),
  photos('gif', 1000),
  photos('tiff', 2000),
  {
    name: 'cmyk photo, thumbnail',
    seeds: async () => [
      await photo().toColourspace('cmyk').jpeg().toBuffer(),
      await photo().jpeg().toBuffer(),
    ],
    read: async path => {
      await readImage(path)
      await readThumbnail(path, { side: 16 })
    },
    inputs: 500,
    spare: DECODED,
  },
]
