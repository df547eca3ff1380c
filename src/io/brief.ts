/** @file Values of a file in a message: short, on one line. Imports nothing. */
const MAX_LENGTH = 80

/** As JSON, cut to 80 characters; never throws on values that are nested deeply, hold themselves, or are huge. */
export function brief(value: unknown): string {
  const text = write(value, 0)
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 3)}...` : text
}

/** A name as it is, cut to 80 characters, control characters as `?`. */
export function briefName(name: string): string {
  const text = name.length > MAX_LENGTH ? `${name.slice(0, MAX_LENGTH - 3)}...` : name
  return text.replaceAll(/\p{Cc}/gu, '?')
}

function write(value: unknown, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, MAX_LENGTH))
  if (typeof value === 'bigint') return String(BigInt.asIntN(256, value))
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'missing'
  if (depth === 8) return '...'
  // every item takes two characters at least: more than these are cut anyway
  if (Array.isArray(value)) {
    return `[${value
      .slice(0, MAX_LENGTH / 2)
      .map(item => write(item, depth + 1))
      .join(',')}]`
  }
  const pairs = Object.entries(value).slice(0, MAX_LENGTH / 4)
  return `{${pairs.map(([key, item]) => `${write(key, depth)}:${write(item, depth + 1)}`).join(',')}}`
}
