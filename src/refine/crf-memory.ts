/** @file Memory of the dense CRF of an image, before anything is allocated. Imports errors and io. */
import { InputError } from '../errors.ts'
import { formatBytes, memoryBudget } from '../io/available-memory.ts'

const PIXEL = 170 // bytes: both lattices, of photos 0.3 to 1 vertex a pixel
const LABEL = 20 // bytes a pixel: scores, their copy, the bias, the result, and a share of the vertices
const NEGLIGIBLE = 256e6 // below, the system is not queried

/** Bytes for an image of so many pixels, scores and result included; measured on photos of 0.2 to 3 megapixels. */
export function crfMemory({ pixels, labels }: { pixels: number; labels: number }): number {
  return pixels * (PIXEL + LABEL * labels)
}

/** Throws InputError when that is more than is available. */
export function refuseLargeCrf(
  { width, height, labels, name }: { width: number; height: number; labels: number; name: string },
  { budget = memoryBudget }: { budget?: () => number } = {},
): void {
  const needed = crfMemory({ pixels: width * height, labels })
  if (needed < NEGLIGIBLE) return
  const there = budget()
  if (needed <= there) return
  throw new InputError(
    name,
    `the dense CRF of ${width} x ${height} pixels and ${labels} labels needs about ${formatBytes(needed)}`,
    { field: 'image', expected: `${formatBytes(there)} of memory may be used; give a smaller image` },
  )
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
