/** @file One image of the demo data set and its mask, painted and written. */
import { join } from 'node:path'
import { writeFileAtomic } from '../../io/atomic.ts'
import { writeLabelMap } from '../../io/indexed-png.ts'
import { sharp } from '../../io/sharp.ts'
import type { BadImage } from '../loader-protocol.ts'
import { createRandom } from './random.ts'
import { paintScene } from './scene.ts'

/** Where the images go, and what they are. */
export interface DemoFolder {
  /** Holds images/ and masks/. */
  readonly root: string
  readonly seed: number
  /** Width and height, pixels. */
  readonly size: number
}

/** What a thread answers: the classes of each image, or why one could not be written. */
export type ImagesReply = { readonly classes: readonly (readonly number[])[] } | { readonly bad: BadImage }

/** Name of image `number`, which starts from 0, without an ending. */
export function nameOf(number: number): string {
  return String(number + 1).padStart(4, '0')
}

/** Writes images/NAME.jpg and masks/NAME.png; the 0-based classes that are visible in it. */
export async function writeImage(
  { root, seed, size }: DemoFolder,
  number: number,
): Promise<readonly number[]> {
  const { canvas, classes } = paintScene(createRandom(seed, number), size)
  const bytes = new Uint8ClampedArray(canvas.rgb.length) // rounds to nearest
  for (let i = 0; i < bytes.length; i++) bytes[i] = canvas.rgb[i]! * 255
  const jpeg = await sharp(bytes, { raw: { width: size, height: size, channels: 3 } })
    .jpeg({ quality: 92, chromaSubsampling: '4:4:4' })
    .toBuffer()
  await writeFileAtomic(join(root, 'images', `${nameOf(number)}.jpg`), jpeg)
  await writeLabelMap(join(root, 'masks', `${nameOf(number)}.png`), {
    width: size,
    height: size,
    data: canvas.labels,
  })
  return classes
}
