/** @file Text from files and names made safe for a terminal. Imports nothing. */
/** Control characters, those that change the direction of text, line separators, and halves of surrogate pairs. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu

/**
 * The text with control characters as escapes (ESC becomes \u001b). Line ends and tabs stay, unless `oneLine`.
 */
export function printable(text: string, { oneLine = false }: { oneLine?: boolean } = {}): string {
  return text.replace(UNPRINTABLE, character => {
    if (!oneLine && (character === '\n' || character === '\t')) return character
    if (character === '\n') return '\\n'
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** The message of an error of the system or a library on one line, without repetition. */
export function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return oneLine(text)
}

/** The lines of a text as one, joined by "; ", with control characters escaped. */
export function oneLine(text: string): string {
  const lines = text.split(/[\r\n\u2028\u2029]+/).map(line => line.trim())
  const joined = [...new Set(lines)].filter(line => line !== '').join('; ')
  return printable(joined, { oneLine: true })
}

/** `printable` on one line, cut in its middle to at most `most` characters. */
export function shortName(name: string, { most = 40 }: { most?: number } = {}): string {
  const characters = [...printable(name, { oneLine: true })]
  if (characters.length <= most) return characters.join('')
  const half = Math.floor((most - 1) / 2)
  return `${characters.slice(0, half).join('')}…${characters.slice(-half).join('')}`
}
