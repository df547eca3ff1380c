/** @file What PAR of an image takes, known before anything is allocated. Torch-free. */
import { neighbourCount, type ParParameters } from './parameters.ts'

interface Size {
  readonly width: number
  readonly height: number
}

const FLOAT = 4
const IMAGE = 9 // floats a pixel: the image, its copy, its planes
const MASK = 5 // floats a pixel: the mask, its copy, two planes, the result

/** Bytes for so many masks of an image: the neighbours' weights, and planes with borders as wide as the widest dilation. */
export function parMemory(
  { width, height, channels }: Size & { channels: number },
  { dilations }: Pick<ParParameters, 'dilations'>,
): number {
  const bordered = height * (width + 2 * Math.max(...dilations))
  return FLOAT * (width * height * neighbourCount({ dilations }) + bordered * (IMAGE + MASK * channels))
}

/** Bytes of one image with so many labels at the working size, and of its labels at its own. */
export function parImageMemory(
  { own, working, labels }: { own: Size; working: Size; labels: number },
  parameters: Pick<ParParameters, 'dilations'>,
): number {
  return parMemory({ ...working, channels: labels }, parameters) + 8 * own.width * own.height
}
