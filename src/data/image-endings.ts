/** @file Which files are images: the endings that are read, and those of images that must be converted first. Imports nothing of its own. */
import { extname } from 'node:path'

const READ: ReadonlySet<string> = new Set('.jpg,.jpeg,.jpe,.jfif,.png,.webp,.tif,.tiff,.gif,.avif'.split(','))

/** Formats with pages or frames; the first is read. */
const PAGED: ReadonlySet<string> = new Set(['.tif', '.tiff', '.gif'])

/** Names of formats that are not read, by ending. */
const UNREAD: Readonly<Record<string, string>> = {
  HEIC: '.heic,.heif,.heics,.hif',
  RAW: '.cr2,.cr3,.crw,.nef,.nrw,.arw,.srf,.sr2,.dng,.orf,.rw2,.raf,.pef,.srw,.x3f,.3fr,.erf,.kdc,.dcr,.mrw,.iiq,.raw',
  Photoshop: '.psd,.psb',
  BMP: '.bmp,.dib',
  SVG: '.svg,.svgz',
  'JPEG XL': '.jxl',
  'JPEG 2000': '.jp2,.j2k,.jpf,.jpx',
  Targa: '.tga',
  OpenEXR: '.exr,.hdr',
  icon: '.ico,.icns',
  PNM: '.pnm,.ppm,.pgm,.pbm',
  DICOM: '.dcm,.dicom',
}

const FORMATS: ReadonlyMap<string, string> = new Map(
  Object.entries(UNREAD).flatMap(([format, endings]) => endings.split(',').map(ending => [ending, format])),
)

/** Files that systems leave behind. */
const LITTER: ReadonlySet<string> = new Set(['thumbs.db', 'ehthumbs.db', 'desktop.ini', 'icon\r'])

export function isReadImage(name: string): boolean {
  return READ.has(extname(name).toLowerCase())
}

export function isPaged(name: string): boolean {
  return PAGED.has(extname(name).toLowerCase())
}

/** "HEIC", "RAW", ... for images that are not read; else undefined. */
export function unreadFormat(name: string): string | undefined {
  return FORMATS.get(extname(name).toLowerCase())
}

/** Whether a name ends as that of an image, read or not. */
export function hasImageEnding(name: string): boolean {
  return isReadImage(name.trim()) || unreadFormat(name.trim()) !== undefined
}

/** Hidden files and folders, and what systems and archives leave behind. */
export function isLitter(name: string): boolean {
  return name.startsWith('.') || name === '__MACOSX' || LITTER.has(name.toLowerCase())
}

/** The name without its ending. */
export function stemOf(file: string): string {
  return file.slice(0, file.length - extname(file).length)
}
