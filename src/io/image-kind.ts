/** @file The kind of an image by its first bytes, not its ending. Imports nothing. */
/** A kind that readImage decodes, or another one: "a HEIC photo". */
export interface ImageKind {
  readonly name: string
  readonly readable: boolean
}

/** Latin-1 texts at an offset; a kind with several of them needs each. */
type Signature = readonly [offset: number, ...texts: string[]]

const READABLE: readonly (readonly [name: string, ...Signature[]])[] = [
  ['JPEG', [0, '\xff\xd8\xff']],
  ['PNG', [0, '\x89PNG\r\n']],
  ['WebP', [0, 'RIFF'], [8, 'WEBP']],
  ['GIF', [0, 'GIF87a', 'GIF89a']],
  ['TIFF', [0, 'II*\0', 'MM\0*', 'II+\0', 'MM\0+']],
]

/** Checked first: camera raw begins like TIFF. */
const FOREIGN: readonly (readonly [name: string, ...Signature[]])[] = [
  ['a camera raw photo', [0, 'II*\0'], [8, 'CR']],
  ['a camera raw photo', [0, 'FUJIFILM', 'IIU\0', 'IIRO', 'MMOR']],
  ['a camera raw photo', [4, 'ftypcrx']],
  ['a film', [0, 'RIFF'], [8, 'AVI ']],
  ['a film', [0, '\x1aE\xdf\xa3']],
  ['a BMP image', [0, 'BM'], [15, '\0\0\0'], [6, '\0\0\0\0']],
  ['a JPEG XL image', [0, '\xff\x0a', '\0\0\0\x0cJXL ']],
  ['a JPEG 2000 image', [0, '\0\0\0\x0cjP  ', '\xff\x4f\xff\x51']],
  ['an icon', [0, '\0\0\x01\0', '\0\0\x02\0']],
  ['a Photoshop file', [0, '8BPS']],
  ['an HDR image', [0, 'v/1\x01', '#?RADIANCE']],
  ['a DDS texture', [0, 'DDS ']],
  ['a PNM image', [0, ...['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7'].flatMap(p => [`${p}\n`, `${p} `])]],
  ['a PDF document', [0, '%PDF']],
  ['a git-lfs pointer', [0, 'version https://git-lfs']],
]

/** The kind by the first 256 bytes; undefined when unknown. */
export function imageKind(bytes: Uint8Array): ImageKind | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(256, bytes.byteLength)).toString('latin1')
  const fits = ([, ...signatures]: readonly [string, ...Signature[]]) =>
    signatures.every(([offset, ...texts]) => texts.some(text => head.startsWith(text, offset)))
  const foreign = FOREIGN.find(fits)?.[0] ?? boxed(head) ?? markup(head)
  if (foreign !== undefined) return { name: foreign, readable: foreign === AVIF }
  const name = READABLE.find(fits)?.[0]
  return name === undefined ? undefined : { name, readable: true }
}

const AVIF = 'AVIF'

/** ISO media: a box of brands, first that of the writer, then those of readers. */
function boxed(head: string): string | undefined {
  if (!head.startsWith('ftyp', 4)) return undefined
  const brands = head.slice(8, 64)
  if (/avi[fs]/.test(brands)) return AVIF
  return /hei[cxms]|hev[cxms]|mif1|msf1/.test(brands) ? 'a HEIC photo' : 'a film'
}

function markup(head: string): string | undefined {
  const text = head.replace('\xef\xbb\xbf', '').trimStart()
  if (/^(?:<\?xml.*)?<svg/is.test(text)) return 'an SVG drawing'
  return /^<(?:!doctype|html|head|body|\?xml)/i.test(text) ? 'a web page' : undefined
}
