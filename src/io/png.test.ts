import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { encode } from 'fast-png'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { crc32 } from './checksum.ts'
import { decodePng } from './png.ts'

const EXPECTED = 'a mask is needed'
const read = (bytes: Uint8Array) => decodePng(bytes, 'm.png', EXPECTED)
const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10)

function chunk(type: string, content: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), content])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(content.length)
  sum.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, sum])
}

function header(width: number, height: number, ...rest: number[]): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(width)
  bytes.writeUInt32BE(height, 4)
  return chunk('IHDR', Buffer.concat([bytes, Uint8Array.from(rest)]))
}

const END = chunk('IEND', new Uint8Array())
const png = (...chunks: Uint8Array[]): Buffer => Buffer.concat([SIGNATURE, ...chunks])

test('grey, alpha and RGB of 8 and 16 bits, interlaced or not, are what sharp was given', async () => {
  const image = fc.record({
    width: fc.integer({ min: 1, max: 19 }),
    height: fc.integer({ min: 1, max: 19 }),
    channels: fc.constantFrom(1, 2, 3, 4),
    deep: fc.boolean(),
    progressive: fc.boolean(),
    adaptiveFiltering: fc.boolean(),
    seed: fc.integer({ min: 1, max: 2 ** 20 }),
  })
  await fc.assert(
    fc.asyncProperty(image, async ({ width, height, channels, deep, seed, ...options }) => {
      const most = deep ? 65535 : 255
      const values = Array.from(
        { length: width * height * channels },
        (_, i) => (i * seed + (i % 7)) % (most + 1),
      )
      const data = deep ? Uint16Array.from(values) : Uint8Array.from(values)
      const raw = { width, height, channels: channels as 1 | 2 | 3 | 4 }
      const input = sharp(data, { raw })
      const grey = channels < 3
      const bytes = await input
        .toColourspace(deep ? (grey ? 'grey16' : 'rgb16') : grey ? 'b-w' : 'srgb')
        .png({ ...options, palette: false })
        .toBuffer()
      expect(read(bytes)).toEqual({ width, height, channels, depth: deep ? 16 : 8, palette: undefined, data })
    }),
    { numRuns: 80 },
  )
})

test('few grey values are packed by sharp into 1, 2 or 4 bits', async () => {
  for (const depth of [1, 2, 4]) {
    const values = Uint8Array.from({ length: 77 }, (_, i) => (i * i) % 2 ** depth)
    const data = new Uint8Array(7 * Math.ceil((11 * depth) / 8))
    for (const [i, value] of values.entries()) {
      const bit = (i % 11) * depth
      const at = Math.floor(i / 11) * Math.ceil((11 * depth) / 8) + (bit >> 3)
      data[at] = data[at]! | (value << (8 - depth - (bit & 7)))
    }
    const bytes = encode({ width: 11, height: 7, data, depth: depth as 1 | 2 | 4, channels: 1 })
    expect(read(bytes)).toEqual({
      width: 11,
      height: 7,
      depth,
      channels: 1,
      palette: undefined,
      data: values,
    })
  }
})

describe('what is refused, before it is unpacked', () => {
  const row = deflateSync(new Uint8Array(2))
  const mask = png(header(1, 1, 8, 0, 0, 0, 0), chunk('IDAT', row), END)
  const broken = Buffer.from(mask)
  broken[SIGNATURE.length + 25 + 9] = broken[SIGNATURE.length + 25 + 9]! ^ 1
  const cases: [string, Uint8Array, string][] = [
    [
      '65535 x 65535 pixels of 8 bits',
      png(header(65535, 65535, 8, 0, 0, 0, 0), chunk('IDAT', row), END),
      'asks for 65535 x 65535 pixels, more than the 512 MiB that are read',
    ],
    [
      '60000 x 60000 pixels of one bit, one byte a pixel when unpacked',
      png(header(60000, 60000, 1, 0, 0, 0, 0), chunk('IDAT', row), END),
      'asks for 60000 x 60000 pixels, more than the 512 MiB that are read',
    ],
    [
      'more pixels than the bytes can inflate to',
      png(header(20000, 20000, 8, 0, 0, 0, 0), chunk('IDAT', row), END),
      'asks for 20000 x 20000 pixels, more than its 67 bytes can hold',
    ],
    [
      'more bytes than the pixels need',
      png(header(1, 1, 8, 0, 0, 0, 0), chunk('IDAT', deflateSync(new Uint8Array(2 ** 24))), END),
      'cannot be decoded (it holds more than its rows)',
    ],
    ['a wrong checksum', broken, 'cannot be decoded (the checksum of IDAT is wrong)'],
    ['a missing end', mask.subarray(0, -12), 'cannot be decoded (it is cut short)'],
    [
      'too few rows',
      png(header(1, 9, 8, 0, 0, 0, 0), chunk('IDAT', row), END),
      'cannot be decoded (2 of 18 bytes)',
    ],
    [
      'a filter of no kind',
      png(header(1, 1, 8, 0, 0, 0, 0), chunk('IDAT', deflateSync(Uint8Array.of(9, 0))), END),
      'cannot be decoded (an unknown filter)',
    ],
    [
      'no palette',
      png(header(1, 1, 8, 3, 0, 0, 0), chunk('IDAT', row), END),
      'cannot be decoded (it has no palette)',
    ],
    [
      'a depth that there is not',
      png(header(1, 1, 3, 0, 0, 0, 0), END),
      'cannot be decoded (colour type 0 of 3 bits)',
    ],
    ['no pixels', png(header(0, 1, 8, 0, 0, 0, 0), END), 'cannot be decoded (it has 0 x 1 pixels)'],
    [
      'frames',
      png(header(1, 1, 8, 0, 0, 0, 0), chunk('acTL', new Uint8Array(8)), chunk('IDAT', row), END),
      'is animated (APNG)',
    ],
    ['another beginning', png(END), 'cannot be decoded (it does not begin with IHDR)'],
    ['no image', Buffer.from('no image'), 'cannot be decoded (no PNG)'],
  ]
  test.each(cases)('%s', (_, bytes, problem) => {
    expect(() => read(bytes)).toThrow(new InputError('m.png', problem, { expected: EXPECTED }))
  })

  test.each([
    [
      'is a JPEG, whose compression changes labels, not a PNG',
      [0xff, 0xd8, 0xff, 0xe0],
      'export it as PNG where it was made',
    ],
    ['is a TIFF, not a PNG', [0x49, 0x49, 0x2a, 0], 'convert it without loss (magick mask.tiff mask.png)'],
  ])('what %s, with what to do', (problem, bytes, remedy) => {
    const expected = `${remedy}; ${EXPECTED}`
    expect(() => read(Uint8Array.from(bytes))).toThrow(new InputError('m.png', problem, { expected }))
  })

  test('any bytes end in pixels or an InputError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 90 }), fc.nat({ max: 66 }), (noise, from) => {
        const bytes = Buffer.concat([mask.subarray(0, from), noise])
        try {
          expect(read(bytes).data.length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(InputError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
