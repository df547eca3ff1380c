/** @file The shape of a number's pixels in a mask: inside of areas, on borders, at the edges. */
import type { MaskPixels } from './mask-pixels.ts'

const THIN = 64 // a border is thinner than a 32nd of the shorter side

/** Share of the pixels of `code` all of whose neighbours within a 64th of the shorter side (1 at least) have it, too. */
export function solidShare(
  { width, height, codes }: Pick<MaskPixels, 'width' | 'height' | 'codes'>,
  code: number,
): number {
  const reach = Math.max(1, Math.round(Math.min(width, height) / THIN))
  const across = new Uint8Array(codes.length) // the pixels of the row within reach have the code
  let all = 0
  for (let y = 0; y < height; y++) {
    let run = 0
    for (let x = 0; x < width; x++) {
      const same = codes[y * width + x] === code
      run = same ? run + 1 : 0
      if (same) all++
      if (run > 2 * reach) across[y * width + x - reach] = 1
    }
  }
  let inside = 0
  for (let x = 0; x < width; x++) {
    let run = 0
    for (let y = 0; y < height; y++) {
      run = across[y * width + x] === 1 ? run + 1 : 0
      if (run > 2 * reach) inside++
    }
  }
  return all === 0 ? 0 : inside / all
}

/** Share of the pixels at the edges of the mask that each code has there. */
export function edgeShares({
  width,
  height,
  codes,
}: Pick<MaskPixels, 'width' | 'height' | 'codes'>): Map<number, number> {
  const counts = new Map<number, number>()
  let all = 0
  for (let y = 0; y < height; y++) {
    const step = y === 0 || y === height - 1 ? 1 : Math.max(1, width - 1)
    for (let x = 0; x < width; x += step, all++) {
      const code = codes[y * width + x]!
      counts.set(code, (counts.get(code) ?? 0) + 1)
    }
  }
  return new Map([...counts].map(([code, count]) => [code, count / all]))
}
