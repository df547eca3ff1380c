/**
 * @file Reads files of TensorBoard's events by the definitions of their formats, for tests: TFRecord framing, CRC-32C a bit at
 * a time, protobuf without a schema. Uses nothing of what writes them.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Fields of a message by their numbers; a varint is a bigint, everything else its bytes. */
export type Message = ReadonlyMap<number, readonly (bigint | Buffer)[]>

/** A value of a summary: a number, or an image. */
export interface Shown {
  readonly tag: string
  readonly step: number
  readonly value?: number
  readonly image?: { readonly width: number; readonly height: number; readonly png: Buffer }
}

/** The records of a file; throws for a wrong checksum. `torn`: bytes of an incomplete last record. */
export function readRecords(file: Buffer): { records: Buffer[]; torn: number } {
  const records: Buffer[] = []
  let at = 0
  while (file.length - at >= 12) {
    const length = Number(file.readBigUInt64LE(at))
    check(file.subarray(at, at + 8), file.readUInt32LE(at + 8))
    if (file.length - at < 16 + length) break
    const data = file.subarray(at + 12, at + 12 + length)
    check(data, file.readUInt32LE(at + 12 + length))
    records.push(data)
    at += 16 + length
  }
  return { records, torn: file.length - at }
}

/** What TensorBoard shows of a folder, in the order of its files: a start withdraws its step and all later ones. */
export async function readEvents(folder: string): Promise<Shown[]> {
  const names = (await readdir(folder)).filter(name => name.includes('tfevents')).sort()
  let shown: Shown[] = []
  for (const name of names) {
    const { records } = readRecords(await readFile(join(folder, name)))
    const [version, ...events] = records.map(readMessage)
    if (textOf(version!, 3) !== 'brain.Event:2') throw new Error(`${name} does not begin with its version`)
    for (const event of events) {
      const step = Number(event.get(2)?.[0] ?? 0n)
      const session = event.get(7)?.[0]
      if (session instanceof Buffer && readMessage(session).get(1)?.[0] === 1n)
        shown = shown.filter(one => one.step < step)
      for (const value of summaryOf(event)) shown.push({ ...value, step })
    }
  }
  return shown
}

function summaryOf(event: Message): Omit<Shown, 'step'>[] {
  const summary = event.get(5)?.[0]
  if (!(summary instanceof Buffer)) return []
  return (readMessage(summary).get(1) ?? []).map(bytes => {
    const value = readMessage(bytes as Buffer)
    const tag = textOf(value, 1)
    const [number, image] = [value.get(2)?.[0], value.get(4)?.[0]]
    if (number instanceof Buffer) return { tag, value: number.readFloatLE() }
    const [height, width, channels, png] = [1, 2, 3, 4].map(
      field => readMessage(image as Buffer).get(field)?.[0],
    )
    if (channels !== 3n) throw new Error(`${tag} has ${channels} channels`)
    return { tag, image: { width: Number(width), height: Number(height), png: png as Buffer } }
  })
}

export function readMessage(bytes: Buffer): Message {
  const fields = new Map<number, (bigint | Buffer)[]>()
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++)
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
  }
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error('a field is longer than its message')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const key = Number(varint())
    const [field, type] = [key >> 3, key & 7]
    const read = { 0: varint, 1: () => take(8), 2: () => take(Number(varint())), 5: () => take(4) }[type]
    if (read === undefined) throw new Error(`there is no wire type ${type}`)
    fields.set(field, [...(fields.get(field) ?? []), read()])
  }
  return fields
}

function textOf(message: Message, field: number): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(message.get(field)?.[0] as Buffer)
}

function check(bytes: Buffer, stored: number): void {
  let sum = 0xffffffff
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const odd = ((sum ^ (byte >>> bit)) & 1) === 1
      sum = odd ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1
    }
  const crc = BigInt(~sum >>> 0)
  const masked = ((((crc >> 15n) | (crc << 17n)) & 0xffffffffn) + 0xa282ead8n) & 0xffffffffn
  if (BigInt(stored) !== masked) throw new Error('a checksum does not fit its bytes')
}
