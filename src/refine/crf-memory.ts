/** @file Memory of the dense CRF of an image, before anything is allocated. Torch-free. */
import { refuseLarge } from './refuse-large.ts'

const PIXEL = 170 // bytes: both lattices, of photos 0.3 to 1 vertex a pixel
const LABEL = 20 // bytes a pixel: scores, their copy, the bias, the result, and a share of the vertices

/** Bytes for an image of so many pixels, scores and result included; measured on photos of 0.2 to 3 megapixels. */
export function crfMemory({ pixels, labels }: { pixels: number; labels: number }): number {
  return pixels * (PIXEL + LABEL * labels)
}

/** Throws InputError when that is more than is available. */
export function refuseLargeCrf(
  { width, height, labels, name }: { width: number; height: number; labels: number; name: string },
  options: { budget?: () => number } = {},
): void {
  const what = `the dense CRF of ${width} x ${height} pixels and ${labels} labels`
  refuseLarge(crfMemory({ pixels: width * height, labels }), { name, what }, options)
}

interface Size {
  readonly width: number
  readonly height: number
}

const FLOAT = 4

/** Bytes of one image through the dense CRF at the working size, and of its labels at its own. */
export function refineMemory({ own, working, labels }: { own: Size; working: Size; labels: number }): number {
  const pixels = working.width * working.height
  return crfMemory({ pixels, labels }) + FLOAT * pixels * labels + 8 * own.width * own.height
}
