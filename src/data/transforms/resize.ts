/** @file Pillow's antialiased resize (native/pixels/resize), and its crop. */
import type { RgbImage } from '../../io/image.ts'
import { pixelsAddon } from '../../io/pixels-addon.ts'

/** Part of an image, in pixels. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export type Filter = 'bicubic' | 'bilinear'

/**
 * Resizes `box` of an image (all of it by default) to width x height. Nothing outside the box is read. Equal to
 * `image.crop(box).resize(size, filter)` of Pillow in every byte.
 */
export function resize(
  image: RgbImage,
  { width, height, box, filter = 'bicubic' }: { width: number; height: number; box?: Box; filter?: Filter },
): RgbImage {
  const from = box ?? { x: 0, y: 0, width: image.width, height: image.height }
  if (from.width === width && from.height === height) return crop(image, from)
  // of such tall ones Pillow resizes the height first
  if (from.height > 100 * from.width && height < from.height && width !== from.width) {
    const low = resize(image, { width: from.width, height, box: from, filter })
    return resize(low, { width, height, filter })
  }
  const data = pixelsAddon().resizeNow({
    source: image.data,
    sourceWidth: image.width,
    sourceHeight: image.height,
    x: from.x,
    y: from.y,
    boxWidth: from.width,
    boxHeight: from.height,
    width,
    height,
    bicubic: filter === 'bicubic',
  })
  return { width, height, data }
}

/** Copies `box` of an image. */
export function crop(image: RgbImage, { x, y, width, height }: Box): RgbImage {
  const data = new Uint8Array(width * height * 3)
  for (let row = 0; row < height; row++) {
    const start = ((y + row) * image.width + x) * 3
    data.set(image.data.subarray(start, start + width * 3), row * width * 3)
  }
  return { width, height, data }
}
