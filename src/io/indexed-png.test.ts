import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { decode, encode, type ImageData } from 'fast-png'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeLabelMap, readLabelMap, VOC_PALETTE, writeLabelMap } from './indexed-png.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-labels-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const at = (name: string) => join(folder, name)
const save = async (name: string, png: ImageData) => {
  await writeFile(at(name), encode(png))
  return at(name)
}

test('every index is read back as it was written', async () => {
  const map = fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }))
    .chain(([width, height]) =>
      fc.record({
        width: fc.constant(width),
        height: fc.constant(height),
        data: fc.uint8Array({ minLength: width * height, maxLength: width * height }),
      }),
    )
  await fc.assert(
    fc.asyncProperty(map, async labels => {
      await writeLabelMap(at('labels.png'), labels)
      expect(await readLabelMap(at('labels.png'))).toEqual(labels)
    }),
  )
})

test('the palette is that of VOC', () => {
  const { palette } = decode(encodeLabelMap({ width: 1, height: 1, data: Uint8Array.of(0) }))
  expect(palette).toHaveLength(256)
  expect([0, 1, 2, 15, 20, 255].map(index => palette?.[index])).toEqual([
    [0, 0, 0],
    [128, 0, 0],
    [0, 128, 0],
    [192, 128, 128],
    [0, 64, 128],
    [224, 224, 192],
  ])
})

test.each([1, 2, 4] as const)('palettes of %i bits are unpacked, row by row', async depth => {
  // 5 pixels a row: the last byte of a row is not full
  const rows = [
    [0, 1, 1, 0, 1],
    [1, 0, 0, 0, 1],
  ]
  const stride = Math.ceil((5 * depth) / 8)
  const data = new Uint8Array(stride * 2)
  for (const [y, row] of rows.entries())
    for (const [x, value] of row.entries())
      data[y * stride + ((x * depth) >> 3)]! |= value << (8 - depth - ((x * depth) & 7))
  const palette = VOC_PALETTE.slice(0, 2).map(colour => [...colour])
  const path = await save('packed.png', { width: 5, height: 2, data, depth, channels: 1, palette })
  expect([...(await readLabelMap(path)).data]).toEqual(rows.flat())
})

test('8-bit grey is taken as indices', async () => {
  const path = await save('grey.png', { width: 3, height: 1, data: Uint8Array.of(0, 15, 255), channels: 1 })
  expect([...(await readLabelMap(path)).data]).toEqual([0, 15, 255])
})

test('masks that are not indices are refused, saying what is right', async () => {
  const rgb = await save('rgb.png', { width: 1, height: 1, data: Uint8Array.of(1, 2, 3), channels: 3 })
  await expect(readLabelMap(rgb)).rejects.toThrow(
    /rgb\.png \(channels\): is RGB, not indexed; a mask is a PNG of/,
  )
  const rgba = await save('rgba.png', { width: 1, height: 1, data: Uint8Array.of(1, 2, 3, 4), channels: 4 })
  await expect(readLabelMap(rgba)).rejects.toThrow(/is RGB with alpha/)
  const deep = await save('deep.png', {
    width: 1,
    height: 1,
    data: Uint16Array.of(7),
    depth: 16,
    channels: 1,
  })
  await expect(readLabelMap(deep)).rejects.toThrow(/has 16 bits per sample/)
  const bits = await save('bits.png', {
    width: 1,
    height: 1,
    data: Uint8Array.of(128),
    depth: 1,
    channels: 1,
  })
  await expect(readLabelMap(bits)).rejects.toThrow(/is grey of 1 bits/)
})

test('damaged files are refused by name', async () => {
  const labels = { width: 40, height: 40, data: Uint8Array.from({ length: 1600 }, (_, i) => (i * i) % 21) }
  const png = encodeLabelMap(labels)
  for (let cut = 0; cut < png.length; cut += 97) {
    await writeFile(at('cut.png'), png.subarray(0, cut))
    await expect(readLabelMap(at('cut.png')), `cut at ${cut} of ${png.length}`).rejects.toThrow(
      /cut\.png: (is empty|cannot be decoded)/,
    )
  }
  await writeFile(at('cut.png'), 'no image at all')
  await expect(readLabelMap(at('cut.png'))).rejects.toThrow(/cannot be decoded/)
  await expect(readLabelMap(at('none.png'))).rejects.toThrow(
    /none\.png: does not exist; a mask is a PNG of class indices/,
  )
})

test('interlaced rows of less than 8 bits are put where they belong', async () => {
  const raw = { width: 9, height: 9, channels: 3 } as const
  const pixels = Uint8Array.from({ length: 243 }, (_, i) => (Math.floor(i / 3) % 3) * 100)
  for (const progressive of [false, true])
    await sharp(pixels, { raw })
      .png({ palette: true, colours: 4, progressive })
      .toFile(at(`adam7-${progressive}.png`))
  const [plain, interlaced] = await Promise.all(
    [false, true].map(progressive => readLabelMap(at(`adam7-${progressive}.png`))),
  )
  expect(new Set(plain?.data).size).toBe(3)
  expect(interlaced).toEqual(plain)
})

test('what is no file is refused, a pipe without waiting for its writer', async () => {
  await expect(readLabelMap(folder)).rejects.toThrow(new RegExp(`^${folder}: is a folder; a mask is a PNG`))
  execFileSync('mkfifo', [at('pipe.png')])
  await expect(readLabelMap(at('pipe.png'))).rejects.toThrow(/pipe\.png: is a pipe/)
})
