/** @file The check of pixels in memory against their size. */
import { InputError } from '../errors.ts'

interface Pixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** Throws InputError naming `what` unless there are `channels` bytes a pixel, 3 for RGB. */
export function checkPixelBytes(
  { width, height, data }: Pixels,
  { what, channels }: { what: string; channels: 1 | 3 },
): void {
  const sides = [width, height].every(side => Number.isInteger(side) && side > 0)
  const needed = channels * width * height
  if (sides && data instanceof Uint8Array && data.length === needed) return
  throw new InputError(what, `has ${data?.length} bytes for ${width} x ${height} pixels`, {
    field: 'data',
    expected: sides
      ? `a Uint8Array of ${needed} is needed, ${channels === 3 ? 'RGB ' : ''}row by row`
      : 'its sides are whole numbers above 0',
  })
}
