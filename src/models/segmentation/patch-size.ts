/** @file Sides of squares that tile a crop, for gradient clipping. Imports errors only. */
import { InputError } from '../../errors.ts'

/** A crop, and the side of the squares that are to tile it, pixels. */
export interface Tiling {
  readonly height: number
  readonly width: number
  readonly patchSize: number
}

/** Throws InputError unless the squares tile the crop; the original fails inside PyTorch. */
export function checkPatchSize(tiling: Tiling): void {
  const { height, width, patchSize } = tiling
  if (height % patchSize === 0 && width % patchSize === 0) return
  throw new InputError('gradient clipping', `${patchSize} does not divide a crop of ${height} x ${width}`, {
    field: 'patchSize',
    expected: `expected a side that divides both, such as ${fittingPatchSizes(tiling).join(', ')}`,
  })
}

/** The three sides nearest to the given one that tile the crop, ascending. */
export function fittingPatchSizes({ height, width, patchSize }: Tiling): number[] {
  return Array.from({ length: Math.min(height, width) }, (_, i) => i + 1)
    .filter(side => height % side === 0 && width % side === 0)
    .sort((a, b) => Math.abs(a - patchSize) - Math.abs(b - patchSize))
    .slice(0, 3)
    .sort((a, b) => a - b)
}
