/** @file The filters of PNG rows (ISO 15948, 9.2), undone. Imports nothing. */
/** Rows without their filter byte; undefined when a filter is none of the five. */
export function unfilter(
  rows: Uint8Array,
  { bytesPerRow, bytesPerPixel }: { bytesPerRow: number; bytesPerPixel: number },
): Uint8Array | undefined {
  const count = rows.length / (bytesPerRow + 1)
  const plain = new Uint8Array(count * bytesPerRow)
  let above: Uint8Array = new Uint8Array(bytesPerRow)
  for (let row = 0; row < count; row++) {
    const from = row * (bytesPerRow + 1)
    const line = plain.subarray(row * bytesPerRow, (row + 1) * bytesPerRow)
    line.set(rows.subarray(from + 1, from + 1 + bytesPerRow))
    const undo = UNDO[rows[from]!]
    if (undo === undefined) return undefined
    undo(line, above, bytesPerPixel)
    above = line
  }
  return plain
}

type Undo = (line: Uint8Array, above: Uint8Array, bytesPerPixel: number) => void

/** None, sub, up, average, Paeth: adds the prediction from the bytes to the left and above. */
const UNDO: readonly Undo[] = [
  () => undefined,
  (line, _, left) => {
    for (let i = left; i < line.length; i++) line[i] = line[i]! + line[i - left]!
  },
  (line, above) => {
    for (let i = 0; i < line.length; i++) line[i] = line[i]! + above[i]!
  },
  (line, above, left) => {
    for (let i = 0; i < line.length; i++) {
      const before = i < left ? 0 : line[i - left]!
      line[i] = line[i]! + ((before + above[i]!) >> 1)
    }
  },
  (line, above, left) => {
    for (let i = 0; i < line.length; i++) {
      const a = i < left ? 0 : line[i - left]!
      const c = i < left ? 0 : above[i - left]!
      line[i] = line[i]! + paeth(a, above[i]!, c)
    }
  },
]

/** Paeth: the nearest to a + b - c of the bytes to the left (a), above (b), and above to the left (c). */
function paeth(a: number, b: number, c: number): number {
  const pa = Math.abs(b - c)
  const pb = Math.abs(a - c)
  const pc = Math.abs(a + b - 2 * c)
  if (pa <= pb && pa <= pc) return a
  return pb <= pc ? b : c
}
