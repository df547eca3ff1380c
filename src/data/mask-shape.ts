/** @file Whether the pixels of a number make objects or only the borders of some. */
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
