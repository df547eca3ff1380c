/** @file The label of each pair from a label map (psa/voc12/data.py, ExtractAffinityLabelInRadius). Torch-free. */
import { IGNORE } from '../../io/label-values.ts'
import { type PairGrid, type PairOptions, pairOffsets, pairStarts } from './pairs.ts'

/** Codes of a pair. none: one end is ignored, or there is no pair. */
export const PAIR = { none: 0, background: 1, foreground: 2, different: 3 } as const

/** labels [B, h, w]: 0 background, 1.. a class, 255 ignored -> codes [B, offsets, h, w] at the position where a pair starts. */
export function pairLabels(
  labels: Uint8Array,
  { rows, columns }: PairGrid,
  options: PairOptions = {},
): Uint8Array {
  const area = rows * columns
  const offsets = pairOffsets(options.radius)
  const batch = labels.length / area
  const codes = new Uint8Array(batch * offsets.length * area)
  for (const [plane, offset] of offsets.entries()) {
    const { top, left, ...extent } = pairStarts({ rows, columns }, offset, options)
    const step = offset.dy * columns + offset.dx
    for (let image = 0; image < batch; image++) {
      const source = image * area
      const target = (image * offsets.length + plane) * area
      for (let y = top; y < top + extent.rows; y++) {
        for (let i = y * columns + left, end = i + extent.columns; i < end; i++) {
          codes[target + i] = pairCode(labels[source + i]!, labels[source + i + step]!)
        }
      }
    }
  }
  return codes
}

function pairCode(from: number, to: number): number {
  if (from === IGNORE || to === IGNORE) return PAIR.none
  if (from !== to) return PAIR.different
  return from === 0 ? PAIR.background : PAIR.foreground
}
