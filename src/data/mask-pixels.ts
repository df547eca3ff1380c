/** @file The pixels of a mask file before they are mapped to labels: numbers or colours. */
import { InputError } from '../errors.ts'
import { INDEXED, readPng } from '../io/indexed-png.ts'
import type { Png } from '../io/png.ts'

const WHITE = 0xffffff

/** One code a pixel, row by row: grey value or palette index, or 0xRRGGBB where `coloured`. */
export interface MaskPixels {
  readonly width: number
  readonly height: number
  readonly codes: Uint8Array | Uint16Array | Uint32Array
  readonly coloured: boolean
  /** Bits of a code that is a number. */
  readonly depth: number
  /** Colours of the indices, 0xRRGGBB. */
  readonly palette: readonly number[] | undefined
}

/**
 * Reads any PNG: RGB whose channels are equal everywhere is grey; transparent pixels are background (black; opaque
 * ones become white if all are black). Throws InputError on another format, a damaged file, or half transparent pixels.
 */
export async function readMaskPixels(path: string): Promise<MaskPixels> {
  const png = await readPng(path)
  const { width, height, depth, channels, data } = png
  if (channels === 1)
    return { width, height, codes: data, coloured: false, depth, palette: withoutClear(png) }
  const opaque = channels % 2 === 0 ? withoutAlpha(png, path) : png
  if (channels === 2 || isGrey(opaque.data)) {
    const step = channels === 2 ? 1 : 3
    const codes =
      opaque.data instanceof Uint16Array ? new Uint16Array(width * height) : new Uint8Array(width * height)
    for (let i = 0; i < codes.length; i++) codes[i] = opaque.data[i * step]!
    return { width, height, codes, coloured: false, depth, palette: undefined }
  }
  const shift = depth - 8
  const codes = new Uint32Array(width * height)
  for (let i = 0, from = 0; i < codes.length; i++, from += 3)
    codes[i] =
      ((opaque.data[from]! >> shift) << 16) |
      ((opaque.data[from + 1]! >> shift) << 8) |
      (opaque.data[from + 2]! >> shift)
  return { width, height, codes, coloured: true, depth: 8, palette: undefined }
}

/** 0xRRGGBB of a code: its own, that of the palette, or the grey of a number. */
export function colourOf({ coloured, depth, palette }: MaskPixels, code: number): number {
  if (coloured) return code
  if (palette !== undefined) return palette[code] ?? 0
  const grey = depth > 8 ? code >> (depth - 8) : Math.round((code * 255) / (2 ** depth - 1))
  return grey * 0x010101
}

/** The codes of a mask; of a photo's thousands of colours the first `most`. Four bytes are compared at once where codes have one. */
export function distinctCodes(codes: MaskPixels['codes'], most = 1024): number[] {
  if (!(codes instanceof Uint8Array) || codes.byteOffset % 4 !== 0) return [...countCodes(codes, most).keys()]
  const held = new Uint8Array(256)
  const quads = new Int32Array(codes.buffer, codes.byteOffset, codes.length >> 2)
  let last: number | undefined
  for (let i = 0; i < quads.length; i++) {
    if (quads[i] === last) continue
    last = quads[i]!
    for (let j = 4 * i; j < 4 * i + 4; j++) held[codes[j]!] = 1
  }
  for (let j = 4 * quads.length; j < codes.length; j++) held[codes[j]!] = 1
  return [...held.keys()].filter(code => held[code] === 1)
}

/** How many pixels have each code; of a photo's thousands of colours the first `most`. */
export function countCodes(codes: MaskPixels['codes'], most = 1024): Map<number, number> {
  const counts = new Map<number, number>()
  let last = -1
  let run = 0
  const add = (): void => {
    if (run > 0 && (counts.size < most || counts.has(last))) counts.set(last, (counts.get(last) ?? 0) + run)
  }
  for (let i = 0; i < codes.length; i++) {
    if (codes[i] === last) run++
    else {
      add()
      last = codes[i]!
      run = 1
    }
  }
  add()
  return counts
}

function withoutAlpha({ depth, channels, data }: Png, path: string): Pick<Png, 'data'> {
  const colours = channels - 1
  const most = 2 ** depth - 1
  const count = data.length / channels
  const plain = depth === 16 ? new Uint16Array(count * colours) : new Uint8Array(count * colours)
  let clear = 0
  let isBlack = true
  for (let i = 0; i < count; i++) {
    const alpha = data[i * channels + colours]!
    if (alpha === 0) {
      clear++
      continue // background
    }
    if (alpha < most)
      throw new InputError(path, 'has pixels that are half transparent', { expected: INDEXED })
    for (let c = 0; c < colours; c++) {
      plain[i * colours + c] = data[i * channels + c]!
      isBlack &&= data[i * channels + c] === 0
    }
  }
  if (isBlack && clear > 0)
    for (let i = 0; i < plain.length; i++) plain[i] = data[Math.floor(i / colours) * channels + colours]! // 0 or most
  return { data: plain }
}

/** The palette with transparent colours black; the opaque ones become white if all are black. */
function withoutClear({ palette, clear, data }: Png): readonly number[] | undefined {
  if (palette === undefined || clear === undefined) return palette
  const shown = [...countCodes(data).keys()].filter(code => !clear.has(code))
  const isBlack = shown.every(code => palette[code] === 0)
  return palette.map((colour, code) => (clear.has(code) ? 0 : isBlack ? WHITE : colour))
}

/** Whether the three channels are equal everywhere. */
function isGrey(data: Png['data']): boolean {
  for (let i = 0; i < data.length; i += 3)
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false
  return true
}
