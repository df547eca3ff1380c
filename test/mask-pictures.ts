/** @file Small masks for tests of outlines: written as text, and at random. */
import fc from 'fast-check'

export interface MaskPicture {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** `.` background, `#` void, digits labels; a line a row. */
export function maskOf(picture: string): MaskPicture {
  const rows = picture
    .trim()
    .split('\n')
    .map(row => row.trim())
  const labels = rows.flatMap(row =>
    [...row].map(letter => (letter === '.' ? 0 : letter === '#' ? 255 : Number(letter))),
  )
  return { width: rows[0]!.length, height: rows.length, data: Uint8Array.from(labels) }
}

export const PICTURES: Readonly<Record<string, MaskPicture>> = {
  empty: maskOf('....\n....'),
  'void alone': maskOf('##\n##'),
  'one pixel': maskOf('1'),
  'a line, 1 x N': maskOf('.11.111'),
  'a line, N x 1': maskOf('1\n1\n.\n2\n1'),
  'the whole image': maskOf('111\n111'),
  'a hole': maskOf('1111\n1..1\n1..1\n1111'),
  'a void hole': maskOf('11111\n1###1\n11111'),
  'a part in a hole of a part in a hole': maskOf(
    '1111111\n1.....1\n1.111.1\n1.1.1.1\n1.111.1\n1.....1\n1111111',
  ),
  'another class in a hole': maskOf('11111\n12221\n12.21\n12221\n11111'),
  'detached parts': maskOf('11..11\n11..11\n......\n.1..2.'),
  chessboard: maskOf('1.1.1\n.1.1.\n1.1.1\n.1.1.'),
  'chessboard of two classes': maskOf('1212\n2121\n1212'),
  'touching holes': maskOf('11111\n1.111\n11.11\n111.1\n11111'),
  'a ring that touches itself': maskOf('1111.\n1..1.\n1...1\n11111'),
  stairs: maskOf('1......\n11.....\n111....\n1111...\n11111..\n111111.\n1111111'),
  'a slope': maskOf('111.......\n111111....\n111111111.\n1111111111'),
  'a disc at the border': maskOf(
    '11111....\n1111111..\n11111111.\n11111111.\n111111111\n11111111.\n1111111..',
  ),
  'one-pixel diagonal': maskOf('1...\n11..\n.11.\n..11'),
}

/** Noise, or blots of several labels over each other. */
export const anyMask: fc.Arbitrary<MaskPicture> = fc
  .record({
    width: fc.integer({ min: 1, max: 24 }),
    height: fc.integer({ min: 1, max: 24 }),
    noise: fc.boolean(),
    seed: fc.nat(1e6),
  })
  .map(({ width, height, noise, seed }) => {
    const data = new Uint8Array(width * height)
    let state = seed + 1
    const draw = (below: number): number => {
      state = (state * 48_271) % 2_147_483_647 // minstd
      return state % below
    }
    const label = (): number => [0, 0, 1, 1, 2, 3, 255][draw(7)]!
    if (noise) return { width, height, data: data.map(label) }
    for (let k = 0; k < 12; k++) {
      const [blot, x0, y0, radius] = [label(), draw(width), draw(height), 1 + draw(70) / 10]
      for (let y = 0, i = 0; y < height; y++)
        for (let x = 0; x < width; x++, i++) if (Math.hypot(x - x0, y - y0) < radius) data[i] = blot
    }
    return { width, height, data }
  })

/** Void belongs to no class. */
export const withoutVoid = ({ data }: MaskPicture): Uint8Array =>
  data.map(label => (label === 255 ? 0 : label))
