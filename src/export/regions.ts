/** @file Connected parts of a label map. Imports nothing. */

/** Labels, height * width row by row: what images of an export and label maps have in common. */
export interface LabelPixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** In pixels; the right and lower edge are x + width and y + height. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A connected part of one label. */
export interface Region {
  readonly label: number
  /** Pixels. */
  readonly area: number
  /** Edges between its pixels and others, those of holes and of the image's border included. */
  readonly perimeter: number
  readonly box: Box
}

export interface Regions {
  /** Index in `list` of each pixel, height * width. */
  readonly ofPixel: Int32Array
  /** In the order of their first pixels, row by row. */
  readonly list: readonly Region[]
}

/**
 * The parts of all labels, background and void included. Pixels are connected by their edges (4): parts that touch at a
 * corner alone stay apart, so that the inside of every outline is connected and its rings never cross themselves.
 */
export function regionsOf({ width, height, data }: LabelPixels): Regions {
  const ofPixel = new Int32Array(width * height)
  const parents: number[] = [] // union-find over provisional parts
  const rootOf = (part: number): number => {
    let root = part
    while (parents[root] !== root) root = parents[root]!
    for (let at = part; at !== root; ) {
      const next = parents[at]!
      parents[at] = root
      at = next
    }
    return root
  }
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const label = data[i]!
      const left = x > 0 && data[i - 1] === label ? ofPixel[i - 1]! : -1
      const above = y > 0 && data[i - width] === label ? ofPixel[i - width]! : -1
      if (left < 0 && above < 0) ofPixel[i] = parents.push(parents.length) - 1
      else if (left < 0 || above < 0 || left === above) ofPixel[i] = Math.max(left, above)
      else {
        const [a, b] = [rootOf(left), rootOf(above)]
        ofPixel[i] = Math.min(a, b)
        parents[Math.max(a, b)] = Math.min(a, b)
      }
    }
  return measure(
    { width, height, data },
    ofPixel,
    parents.map((_, part) => rootOf(part)),
  )
}

/** Numbers the parts without gaps and measures them. */
function measure(
  { width, height, data }: LabelPixels,
  ofPixel: Int32Array,
  roots: readonly number[],
): Regions {
  const indices = new Int32Array(roots.length).fill(-1)
  const first: number[] = []
  for (const [part, root] of roots.entries()) {
    if (root === part) indices[part] = first.push(0) - 1
    else indices[part] = indices[root]! // a root is the least of its parts
  }
  const n = first.length
  const area = new Float64Array(n)
  const perimeter = new Float64Array(n)
  const x0 = new Int32Array(n).fill(width)
  const x1 = new Int32Array(n)
  const y0 = new Int32Array(n).fill(height)
  const y1 = new Int32Array(n)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const part = indices[ofPixel[i]!]!
      ofPixel[i] = part
      if (area[part]!++ === 0) first[part] = i
      if (x < x0[part]!) x0[part] = x
      if (x > x1[part]!) x1[part] = x
      if (y < y0[part]!) y0[part] = y
      y1[part] = y
      if (x === 0) perimeter[part]!++
      else if (ofPixel[i - 1] !== part) {
        perimeter[part]!++
        perimeter[ofPixel[i - 1]!]!++
      }
      if (y === 0) perimeter[part]!++
      else if (ofPixel[i - width] !== part) {
        perimeter[part]!++
        perimeter[ofPixel[i - width]!]!++
      }
      if (x === width - 1) perimeter[part]!++
      if (y === height - 1) perimeter[part]!++
    }
  const list = first.map((pixel, part) => ({
    label: data[pixel]!,
    area: area[part]!,
    perimeter: perimeter[part]!,
    box: {
      x: x0[part]!,
      y: y0[part]!,
      width: x1[part]! + 1 - x0[part]!,
      height: y1[part]! + 1 - y0[part]!,
    },
  }))
  return { ofPixel, list }
}
