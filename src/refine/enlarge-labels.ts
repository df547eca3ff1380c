/** @file Labels of a reduced image resized to the image's own size. Torch-free. */
import type { LabelMap } from '../io/indexed-png.ts'

interface Size {
  readonly width: number
  readonly height: number
}

/**
 * The most probable label of every pixel of `size` from probabilities [labels, height, width] of another size, resized
 * bilinearly row by row: at once an image of 24 megapixels would need 100 MB a label. The lowest of equals.
 */
export function enlargedBestLabels(probabilities: Float32Array, from: Size, size: Size): LabelMap {
  const area = from.width * from.height
  const labels = probabilities.length / area
  const columns = taps(from.width, size.width)
  const rows = taps(from.height, size.height)
  const data = new Uint8Array(size.width * size.height)
  const highest = new Float32Array(size.width)
  const line = new Float32Array(from.width)
  for (let y = 0; y < size.height; y++) {
    const out = data.subarray(y * size.width, (y + 1) * size.width)
    const [upper, lower, part] = [rows.low[y]!, rows.high[y]!, rows.part[y]!]
    highest.fill(Number.NEGATIVE_INFINITY)
    for (let label = 0; label < labels; label++) {
      const above = label * area + upper * from.width
      const below = label * area + lower * from.width
      for (let x = 0; x < from.width; x++) {
        const value = probabilities[above + x]!
        line[x] = value + part * (probabilities[below + x]! - value)
      }
      for (let x = 0; x < size.width; x++) {
        const left = line[columns.low[x]!]!
        const value = left + columns.part[x]! * (line[columns.high[x]!]! - left)
        if (value > highest[x]!) {
          highest[x] = value
          out[x] = label
        }
      }
    }
  }
  return { ...size, data }
}

/** Labels resized by nearest neighbour. */
export function enlargedLabels({ width, height, data }: LabelMap, size: Size): LabelMap {
  if (width === size.width && height === size.height) return { width, height, data }
  const columns = nearest(width, size.width)
  const rows = nearest(height, size.height)
  const out = new Uint8Array(size.width * size.height)
  for (let y = 0; y < size.height; y++) {
    const from = rows[y]! * width
    const to = y * size.width
    for (let x = 0; x < size.width; x++) out[to + x] = data[from + columns[x]!]!
  }
  return { ...size, data: out }
}

/** Both neighbours of each output and the second one's weight, as torch's bilinear with align_corners=False. */
function taps(inputs: number, outputs: number): { low: Int32Array; high: Int32Array; part: Float32Array } {
  const [low, high] = [new Int32Array(outputs), new Int32Array(outputs)]
  const part = new Float32Array(outputs)
  for (let i = 0; i < outputs; i++) {
    const at = Math.max(0, ((i + 0.5) * inputs) / outputs - 0.5)
    low[i] = Math.min(inputs - 1, Math.floor(at))
    high[i] = Math.min(inputs - 1, low[i]! + 1)
    part[i] = at - low[i]!
  }
  return { low, high, part }
}

function nearest(inputs: number, outputs: number): Int32Array {
  return Int32Array.from({ length: outputs }, (_, i) =>
    Math.min(inputs - 1, Math.floor(((i + 0.5) * inputs) / outputs)),
  )
}
