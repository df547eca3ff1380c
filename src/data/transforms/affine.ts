/** @file Pillow's affine transform with bicubic sampling, bit for bit (libImaging/Geometry.c), and RandAugment's operations with it. */
import type { RgbImage } from '../../io/image.ts'

export type PerChannel = readonly [number, number, number]

/** Output to input: (a x + b y + c, d x + e y + f), at pixel centres. */
export type AffineMatrix = readonly [number, number, number, number, number, number]

/** `image.transform(size, AFFINE, matrix, BICUBIC, fillcolor=fill)`: same size, `fill` where nothing maps. */
export function affine(image: RgbImage, matrix: AffineMatrix, fill: PerChannel): RgbImage {
  const { width, height, data: source } = image
  const [a, b, c, d, e, f] = matrix
  const data = new Uint8Array(source.length)
  const stride = width * 3
  let to = 0
  for (let row = 0; row < height; row++) {
    const v = row + 0.5
    for (let column = 0; column < width; column++, to += 3) {
      const u = column + 0.5
      const x = a * u + b * v + c
      const y = d * u + e * v + f
      if (!(x >= 0 && x < width && y >= 0 && y < height)) {
        data[to] = fill[0]
        data[to + 1] = fill[1]
        data[to + 2] = fill[2]
        continue
      }
      const left = Math.floor(x - 0.5)
      const top = Math.floor(y - 0.5)
      const dx = x - 0.5 - left
      const dy = y - 0.5 - top
      const x0 = clamp(left - 1, width) * 3
      const x1 = clamp(left, width) * 3
      const x2 = clamp(left + 1, width) * 3
      const x3 = clamp(left + 2, width) * 3
      const y1 = clamp(top, height) * stride
      if (dx === 0 && dy === 0) {
        data[to] = source[y1 + x1]!
        data[to + 1] = source[y1 + x1 + 1]!
        data[to + 2] = source[y1 + x1 + 2]!
        continue
      }
      const y0 = clamp(top - 1, height) * stride
      const y2 = clamp(top + 1, height) * stride
      const y3 = clamp(top + 2, height) * stride
      for (let band = 0; band < 3; band++) {
        const i0 = x0 + band
        const i1 = x1 + band
        const i2 = x2 + band
        const i3 = x3 + band
        let value: number
        if (dy === 0) {
          value = cubic(source[y1 + i0]!, source[y1 + i1]!, source[y1 + i2]!, source[y1 + i3]!, dx)
        } else if (dx === 0) {
          value = cubic(source[y0 + i1]!, source[y1 + i1]!, source[y2 + i1]!, source[y3 + i1]!, dy)
        } else {
          const v0 = cubic(source[y0 + i0]!, source[y0 + i1]!, source[y0 + i2]!, source[y0 + i3]!, dx)
          const v1 = cubic(source[y1 + i0]!, source[y1 + i1]!, source[y1 + i2]!, source[y1 + i3]!, dx)
          const v2 = cubic(source[y2 + i0]!, source[y2 + i1]!, source[y2 + i2]!, source[y2 + i3]!, dx)
          const v3 = cubic(source[y3 + i0]!, source[y3 + i1]!, source[y3 + i2]!, source[y3 + i3]!, dx)
          value = cubic(v0, v1, v2, v3, dy)
        }
        data[to + band] = Math.max(0, Math.min(255, value)) // cut, not rounded, as in Pillow
      }
    }
  }
  return { width, height, data }
}

/** `image.rotate(degrees, BICUBIC, fillcolor=fill)`: counter-clockwise about the centre. */
export function rotate(image: RgbImage, degrees: number, fill: PerChannel): RgbImage {
  const angle = -(((degrees % 360) + 360) % 360) * (Math.PI / 180)
  const cos = round15(Math.cos(angle))
  const sin = round15(Math.sin(angle))
  const cx = image.width / 2
  const cy = image.height / 2
  return affine(
    image,
    [cos, sin, cos * -cx + sin * -cy + 0 + cx, -sin, cos, -sin * -cx + cos * -cy + 0 + cy],
    fill,
  )
}

function clamp(index: number, size: number): number {
  return index < 0 ? 0 : index < size ? index : size - 1
}

function cubic(v0: number, v1: number, v2: number, v3: number, t: number): number {
  const p2 = -v0 + v2
  const p3 = 2 * (v0 - v1) + v2 - v3
  const p4 = -v0 + v1 - v2 + v3
  return v1 + t * (p2 + t * (p3 + t * p4))
}

function round15(value: number): number {
  return Number(value.toFixed(15)) // Image.rotate rounds the matrix to 15 decimals
}
