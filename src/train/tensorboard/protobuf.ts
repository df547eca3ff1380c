/** @file Fields of a protobuf message as bytes: a message is its fields, one after another. Imports nothing. */
/** One field, with its number. */
export type Field = Uint8Array

const [VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES] = [0, 1, 2, 5] as const

/** A whole number from 0 to 2^53 - 1: int32, int64, an enumeration. */
export function integer(field: number, value: number): Field {
  return Uint8Array.from([...varint(key(field, VARINT)), ...varint(value)])
}

export function double(field: number, value: number): Field {
  const start = varint(key(field, EIGHT_BYTES))
  const bytes = new Uint8Array(start.length + 8)
  bytes.set(start)
  new DataView(bytes.buffer).setFloat64(start.length, value, true)
  return bytes
}

export function float(field: number, value: number): Field {
  const start = varint(key(field, FOUR_BYTES))
  const bytes = new Uint8Array(start.length + 4)
  bytes.set(start)
  new DataView(bytes.buffer).setFloat32(start.length, value, true)
  return bytes
}

export function bytes(field: number, value: Uint8Array): Field {
  return joined([Uint8Array.from([...varint(key(field, LENGTH)), ...varint(value.length)]), value])
}

export function text(field: number, value: string): Field {
  return bytes(field, new TextEncoder().encode(value))
}

/** A message within another. */
export function message(field: number, fields: readonly Field[]): Field {
  return bytes(field, joined(fields))
}

/** The bytes of a message. */
export function joined(fields: readonly Field[]): Uint8Array {
  const whole = new Uint8Array(fields.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const field of fields) {
    whole.set(field, at)
    at += field.length
  }
  return whole
}

function key(field: number, wireType: number): number {
  return field * 8 + wireType
}

/** Seven bits a byte, the lowest first. Not by shifts, which cut at 32 bits. */
function varint(value: number): number[] {
  const out: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128)
  return [...out, rest]
}
