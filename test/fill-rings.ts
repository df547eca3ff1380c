/** @file Fills polygons as image tools define it, for tests of outlines: a pixel is inside where its centre is (even-odd). */

type Rings = readonly (readonly number[])[]

interface Size {
  readonly width: number
  readonly height: number
}

/** 1 inside, height * width. Rings are x and y in turn. */
export function fillRings(rings: Rings, { width, height }: Size): Uint8Array {
  const filled = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    const row = y + 0.5
    const crossings: number[] = []
    for (const ring of rings)
      for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
        const [ax, ay, bx, by] = [ring[j]!, ring[j + 1]!, ring[i]!, ring[i + 1]!]
        if (ay > row !== by > row) crossings.push(ax + ((row - ay) * (bx - ax)) / (by - ay))
      }
    crossings.sort((a, b) => a - b)
    for (let k = 0; k + 1 < crossings.length; k += 2)
      for (let x = Math.max(0, Math.ceil(crossings[k]! - 0.5)); x < width && x + 0.5 < crossings[k + 1]!; x++)
        filled[y * width + x] = 1
  }
  return filled
}

/**
 * As PIL.ImageDraw.polygon and cv2.fillPoly do it with whole numbers: coordinates lose their fractions, are the middles of
 * pixels then, and the pixels below the line itself are painted, too.
 */
export function paintRing(ring: readonly number[], size: Size): Uint8Array {
  const { width, height } = size
  const cut = ring.map(Math.trunc)
  const painted = fillRings([cut.map(value => value + 0.5 + 1e-9)], size)
  for (let i = 0, j = cut.length - 2; i < cut.length; j = i, i += 2) {
    const [dx, dy] = [cut[i]! - cut[j]!, cut[i + 1]! - cut[j + 1]!]
    const steps = Math.max(Math.abs(dx), Math.abs(dy), 1)
    for (let k = 0; k <= steps; k++) {
      const x = Math.round(cut[j]! + (dx * k) / steps)
      const y = Math.round(cut[j + 1]! + (dy * k) / steps)
      if (x >= 0 && y >= 0 && x < width && y < height) painted[y * width + x] = 1
    }
  }
  return painted
}
