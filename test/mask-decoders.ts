/** @file Decoders of masks written from the formats' specifications, apart from src: for tests of what is exported. */
import sharp from 'sharp'

/** COCO's compressed counts (cocoapi, common/maskApi.c, rleFrString) as pixels row by row. */
export function decodeCocoCounts(text: string, [height, width]: readonly [number, number]): number[] {
  const runs: number[] = []
  let place = 0
  while (place < text.length) {
    let groups: number[] = []
    for (;;) {
      const group = text.charCodeAt(place++) - 48
      groups = [...groups, group]
      if (group < 32) break
    }
    const last = groups.at(-1)!
    const bits = groups.reduce((sum, group, i) => sum + (group % 32) * 32 ** i, 0)
    const value = last >= 16 ? bits - 32 ** groups.length : bits
    runs.push(runs.length > 2 ? value + runs[runs.length - 2]! : value)
  }
  const columns = runs.flatMap((length, i) => Array.from({ length }, () => i % 2))
  const pixels = new Array<number>(width * height).fill(-1)
  for (const [i, value] of columns.entries()) pixels[(i % height) * width + Math.floor(i / height)] = value
  return pixels
}

/** Label Studio's brush (label_studio_converter/brush.py, decode_rle): RGBA, of which the last channel counts. */
export function decodeBrush(packed: readonly number[], pixels: number): number[] {
  const bits = packed.map(byte => byte.toString(2).padStart(8, '0')).join('')
  let at = 0
  const read = (length: number): number => {
    at += length
    return Number.parseInt(bits.slice(at - length, at), 2)
  }
  const total = read(32)
  if (total !== 4 * pixels) throw new Error(`${total} values for ${pixels} pixels`)
  const word = read(5) + 1
  const sizes = [0, 0, 0, 0].map(() => read(4) + 1)
  const values: number[] = []
  while (values.length < total) {
    const isRun = read(1) === 1
    const length = read(sizes[read(2)]!) + 1
    if (isRun) values.push(...new Array<number>(length).fill(read(word)))
    else for (let i = 0; i < length; i++) values.push(read(word))
  }
  if (values.length !== total || bits.length - at >= 8) throw new Error('does not end where it should')
  return Array.from({ length: pixels }, (_, i) => values[4 * i + 3]!)
}

/** The colours of an image, 0xRRGGBB, by libpng. */
export async function decodeColours(png: string | Uint8Array): Promise<number[]> {
  const { data, info } = await sharp(png)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  if (info.channels !== 3) throw new Error(`${info.channels} channels`)
  return Array.from({ length: info.width * info.height }, (_, i) => data.readUIntBE(3 * i, 3))
}

/** The label of a colour of VOC's palette (VOCcode/VOClabelcolormap.m): its bits in turn from the channels, highest first. */
export function vocLabel(colour: number): number {
  const channels = [colour >> 16, (colour >> 8) & 255, colour & 255]
  let label = 0
  for (let i = 0; i < 8; i++) {
    const bit = (channels[i % 3]! >> (7 - Math.floor(i / 3))) & 1
    label |= bit << i
  }
  return label
}
