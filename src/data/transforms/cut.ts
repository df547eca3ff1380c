/** @file A square cut out of an image at random, or the whole of a smaller image at a random place in it. */
import type { RgbImage } from '../../io/image.ts'
import type { Random } from '../random.ts'

/** The part of an image from (left, top) on, at (x, y) of the crop. */
export interface Cut {
  readonly left: number
  readonly top: number
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A random place of the crop in the image, or of the image in the crop; the column is drawn first. */
export function drawCut(
  image: { readonly width: number; readonly height: number },
  cropSize: number,
  random: Pick<Random, 'integer'>,
): Cut {
  const along = (side: number): [number, number] => {
    const place = random.integer(0, Math.abs(side - cropSize))
    return side > cropSize ? [place, 0] : [0, place]
  }
  const [left, x] = along(image.width)
  const [top, y] = along(image.height)
  return { left, top, x, y, width: Math.min(cropSize, image.width), height: Math.min(cropSize, image.height) }
}

/** The cut in a black square of that side. */
export function pasted({ width, data }: RgbImage, cut: Cut, side: number): RgbImage {
  const square = new Uint8Array(side * side * 3)
  for (let row = 0; row < cut.height; row++) {
    const from = ((cut.top + row) * width + cut.left) * 3
    square.set(data.subarray(from, from + cut.width * 3), ((cut.y + row) * side + cut.x) * 3)
  }
  return { width: side, height: side, data: square }
}

/** Where it lies once the square is flipped. */
export function flippedCut(cut: Cut, side: number): Cut {
  return { ...cut, x: side - cut.x - cut.width }
}

/** Sets the padding to 0, the mean colour. */
export function blank(pixels: Float32Array, { x, y, width, height }: Cut, side: number): void {
  for (let row = 0; row < 3 * side; row++) {
    const line = pixels.subarray(row * side, (row + 1) * side)
    const inside = row % side >= y && row % side < y + height
    line.fill(0, 0, inside ? x : side)
    if (inside) line.fill(0, x + width)
  }
}
