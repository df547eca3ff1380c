import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { readImage } from './image.ts'
import { encodeAreas, encodeClear, encodeSmall, readThumbnail } from './thumbnail.ts'

/** Red above, blue below. */
const photo = () => {
  const data = Buffer.alloc(3 * 400 * 300)
  for (let i = 0; i < 400 * 300; i++) data[3 * i + (i < 400 * 150 ? 0 : 2)] = 250
  return sharp(data, { raw: { width: 400, height: 300, channels: 3 } })
}

const pixel = async (webp: Uint8Array, left: number, top: number): Promise<number[]> => {
  const { data } = await sharp(webp)
    .extract({ left, top, width: 1, height: 1 })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return [...data].map(value => Math.round(value / 50))
}

it('a thumbnail is upright and small, whatever the image; it tells the size of the image itself', async () => {
  const folder = await temporaryFolder([])
  const at = (name: string): string => join(folder, name)
  await photo().jpeg().toFile(at('plain.jpg'))
  await photo().withMetadata({ orientation: 6 }).jpeg().toFile(at('turned.jpg')) // by 90 degrees to the right
  await photo().toColourspace('cmyk').jpeg().toFile(at('cmyk.jpg'))
  await photo().toColourspace('b-w').png().toFile(at('grey.png'))
  await photo().ensureAlpha(0.5).png().toFile(at('clear.png'))
  for (const name of ['plain.jpg', 'cmyk.jpg', 'clear.png']) {
    const { webp, own } = await readThumbnail(at(name), { side: 40 })
    expect(own).toEqual({ width: 400, height: 300 })
    expect(await sharp(webp).metadata()).toMatchObject({ width: 40, height: 30, hasAlpha: false })
    const [r, , b] = await pixel(webp, 20, 4)
    expect(r).toBeGreaterThan(b! + 2)
  }
  const turned = await readThumbnail(at('turned.jpg'), { side: 40 })
  expect(turned.own).toEqual({ width: 300, height: 400 })
  expect(await pixel(turned.webp, 26, 20)).toEqual([5, 0, 0])
  expect((await readThumbnail(at('grey.png'), { side: 1000 })).own).toEqual({ width: 400, height: 300 })
})

it('what cannot be decoded is named, as readImage does', async () => {
  const folder = await temporaryFolder({ 'text.jpg': 'no image', 'empty.jpg': '' })
  await photo().jpeg().toFile(join(folder, 'whole.jpg'))
  const bytes = await readFile(join(folder, 'whole.jpg'))
  await writeFile(join(folder, 'cut.jpg'), bytes.subarray(0, bytes.length / 2))
  for (const name of ['text.jpg', 'empty.jpg', 'cut.jpg', 'absent.jpg']) {
    const path = join(folder, name)
    const reason = await readImage(path).catch((error: Error) => error.message)
    await expect(readThumbnail(path, { side: 40 })).rejects.toThrow(
      name === 'cut.jpg' ? `${path}: cannot be decoded` : String(reason),
    )
  }
})

it('clear images keep every colour that can be seen, and every alpha', async () => {
  const data = Uint8Array.from({ length: 4 * 200 }, (_, i) => (i % 4 === 3 ? 56 + (i >> 2) : (i * 37) % 256))
  const webp = await encodeClear({ width: 20, height: 10, data })
  expect(new Uint8Array(await sharp(webp).raw().toBuffer())).toEqual(data)
})

it('areas have their colours, and index 0 is clear', async () => {
  const colours = [[0, 0, 0] as const, [200, 10, 30] as const, [0, 90, 255] as const]
  const png = encodeAreas({ width: 3, height: 2, data: Uint8Array.of(0, 1, 2, 2, 1, 0), colours })
  const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
  expect([info.width, info.height]).toEqual([3, 2])
  const [clear, red, blue] = [
    [0, 0, 0, 0],
    [200, 10, 30, 255],
    [0, 90, 255, 255],
  ] as const
  expect([...data]).toEqual([clear, red, blue, blue, red, clear].flat())
})

it('small images keep their shape and are never enlarged', async () => {
  const image = { width: 40, height: 20, data: new Uint8Array(2400).fill(9) }
  expect(await sharp(await encodeSmall(image, { side: 10 })).metadata()).toMatchObject({
    width: 10,
    height: 5,
  })
  expect(await sharp(await encodeSmall(image, { side: 99 })).metadata()).toMatchObject({
    width: 40,
    height: 20,
  })
})
