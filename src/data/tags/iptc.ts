/** @file Keywords in IPTC-IIM (data set 2:25), alone or in Photoshop's resource blocks as JPEG holds them. */

import { cleanWord } from '../tag-words.ts'
import { decodeText } from '../text-encoding.ts'

const MARK = 0x1c
const PHOTOSHOP = 'Photoshop 3.0\0'
const RESOURCE = '8BIM'
const IPTC = 0x0404

/** The keywords; none where the bytes are something else, or cut short. Their text is UTF-8, or Windows' where it is not. */
export function iptcKeywords(bytes: Uint8Array, file: string): string[] {
  const data = iptcOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  const words: string[] = []
  for (let at = data.indexOf(MARK); at >= 0 && at + 5 <= data.length; ) {
    if (data[at] !== MARK) break
    const size = data.readUInt16BE(at + 3)
    if (size > 0x7fff || at + 5 + size > data.length) break // an extended one is no keyword
    if (data[at + 1] === 2 && data[at + 2] === 25)
      words.push(decodeText(data.subarray(at + 5, at + 5 + size), file).text)
    at += 5 + size
  }
  return [...new Set(words.map(cleanWord).filter(word => word !== ''))]
}

/** The IPTC part of Photoshop's resources, or the bytes themselves. */
function iptcOf(bytes: Buffer): Buffer {
  const begin = bytes.toString('latin1', 0, PHOTOSHOP.length) === PHOTOSHOP ? PHOTOSHOP.length : 0
  let at = begin
  while (at + 12 <= bytes.length && bytes.toString('latin1', at, at + 4) === RESOURCE) {
    const id = bytes.readUInt16BE(at + 4)
    const name = bytes[at + 6]! + 1
    const size = at + 6 + name + (name % 2)
    if (size + 4 > bytes.length) break
    const length = bytes.readUInt32BE(size)
    const end = Math.min(bytes.length, size + 4 + length)
    if (id === IPTC) return bytes.subarray(size + 4, end)
    at = end + (length % 2)
  }
  return at > begin ? Buffer.alloc(0) : bytes
}
