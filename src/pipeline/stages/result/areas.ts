/** @file areas.csv: the share of each class in each image. Part of the stage `result`; imports no torch. */
import type { LabelMap } from '../../../io/indexed-png.ts'
import { type FinalMask, imageName } from './final-masks.ts'

/** One image's row. */
export interface AreaRow {
  readonly mask: FinalMask
  readonly width: number
  readonly height: number
  /** Percent of the pixels, the background first. */
  readonly shares: readonly number[]
}

/** `labels`: with the background. Pixels that are 255 belong to none. */
export function areasOf(mask: FinalMask, { width, height, data }: LabelMap, labels: number): AreaRow {
  const counts = new Float64Array(256)
  for (let i = 0; i < data.length; i++) counts[data[i]!]!++
  const shares = Array.from(counts.subarray(0, labels), pixels => (100 * pixels) / (width * height))
  return { mask, width, height, shares }
}

/**
 * A row for each image, percent of its area for the background and each class. With a byte order mark where a name is
 * not ASCII, without which spreadsheets misread it.
 */
export function areasTable(rows: readonly AreaRow[], classes: readonly string[]): string {
  const names = ['background', ...classes].map(name => `${name} (%)`)
  const lines = [
    ['image', 'mask', 'split', 'mask is', 'width', 'height', ...names],
    ...rows.map(({ mask, width, height, shares }) => [
      imageName(mask.sample),
      `${mask.name}.png`,
      mask.split,
      mask.source,
      String(width),
      String(height),
      ...shares.map(share => share.toFixed(3)),
    ]),
  ]
  const text = lines.map(cells => `${cells.map(quoted).join(',')}\n`).join('')
  return /[^\0-\x7f]/.test(text) ? `\uFEFF${text}` : text
}

function quoted(cell: string): string {
  return /[",;\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
