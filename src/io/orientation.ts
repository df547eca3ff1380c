/** @file The EXIF orientation of a photo. */
import { imageHeader } from './image-header.ts'

/** Size as the pixels are stored, and EXIF orientation 1 to 8 (1: as stored; 5 to 8 swap width and height). */
export interface Orientation {
  readonly width: number
  readonly height: number
  readonly orientation: number
}

/** Reads the header only; undefined when the file is no readable image. */
export async function readOrientation(path: string): Promise<Orientation | undefined> {
  const header = await imageHeader(path)
  if (header === undefined) return undefined
  const { width, height, orientation = 1 } = header
  return { width, height, orientation: orientation >= 1 && orientation <= 8 ? orientation : 1 }
}

/** Applies the orientation to pixels of one byte, row by row. */
export function rotateUpright(
  { width, height, data }: { readonly width: number; readonly height: number; readonly data: Uint8Array },
  orientation: number,
): { width: number; height: number; data: Uint8Array } {
  const swapped = orientation >= 5
  const [across, down] = swapped ? [height, width] : [width, height]
  const flippedX = [2, 3, 7, 8].includes(orientation) // of the stored x
  const flippedY = [3, 4, 6, 7].includes(orientation)
  const rotated = new Uint8Array(data.length)
  for (let y = 0; y < down; y++)
    for (let x = 0; x < across; x++) {
      const [sx, sy] = swapped ? [y, x] : [x, y]
      const from = (flippedY ? height - 1 - sy : sy) * width + (flippedX ? width - 1 - sx : sx)
      rotated[y * across + x] = data[from]!
    }
  return { width: across, height: down, data: rotated }
}
