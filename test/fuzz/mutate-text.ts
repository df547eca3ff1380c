/** @file Corrupted copies of text files, token by token, in the encodings that people have. */
import { type Dice, pick } from './dice.ts'
import { changed, DIGITS } from './mutate-bytes.ts'

/** What no format expects where it stands. */
const ODD = [
  ...DIGITS,
  ...['-0', '0x10', '1.5', '.', '1'.repeat(400), 'NaN', '-Infinity', 'null', 'true', '~', ''],
  ...[
    '\ufeff',
    '\0',
    '\x07',
    '\x1b[31m',
    '\u2028',
    '\u202e',
    '\u200b',
    '\ud800',
    '\u0085',
    'é',
    'e\u0301',
    '🐈',
  ],
  ...['"', "'", '\\', '""', '`', '“', '\n', '\r', '\r\n', '\t', ' ', ',', ';', ':', '|', '#', '=', '-', '?'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'length',
    '"__proto__":',
    '..',
    '../../etc/passwd',
    '/',
    'C:\\',
  ],
  ...[
    '[',
    ']',
    '{',
    '}',
    '(',
    ')',
    '<',
    '>',
    '</',
    '/>',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?xml',
    '<!DOCTYPE',
  ],
  ...[
    '&a ',
    '*a',
    '<<: *a',
    '!!js/function',
    '---',
    '...',
    '%YAML 9',
    '&amp;',
    '&#0;',
    '&#x110000;',
    '&lol;',
  ],
]

const BRACKETS = ['[', '{', '{"a":', '(', '<object>', '- ', '? ', '"', "'", '!', '<!--']
const DEPTHS = [3, 40, 1100, 1100, 20_000]
const MOST_CHARACTERS = 200_000 // larger ones cost time and show no more
const MOST_TOKENS = 4096 // characters of a large text that are taken apart for one change, somewhere in it
const TOKEN = /"(?:[^"\\\n]|\\.)*"|[\p{L}\p{N}_.+-]+|\s+|./gsu

type Change = (tokens: string[], roll: Dice, words: readonly string[]) => void

const CHANGES: readonly Change[] = [
  (tokens, roll) => void tokens.splice(roll(tokens.length), 1 + roll(4)),
  (tokens, roll, words) => void tokens.splice(roll(tokens.length + 1), 0, pick(words, roll)),
  (tokens, roll, words) => void tokens.splice(roll(tokens.length), 1, pick(words, roll)),
  (tokens, roll) => void tokens.splice(roll(tokens.length + 1), 0, pick(ODD, roll)),
  (tokens, roll) => void tokens.splice(roll(tokens.length), 1, pick(ODD, roll)),
  function number(tokens, roll) {
    const numbers = tokens.flatMap((token, i) => (/^-?\d/.test(token) ? [i] : []))
    if (numbers.length > 0) tokens[pick(numbers, roll)] = pick(DIGITS, roll)
  },
  function swap(tokens, roll) {
    const [a, b] = [roll(tokens.length), roll(tokens.length)]
    ;[tokens[a], tokens[b]] = [tokens[b]!, tokens[a]!]
  },
  function repeat(tokens, roll) {
    const at = roll(tokens.length)
    const part = tokens.slice(at, at + 1 + roll(24)).join('')
    tokens.splice(at, 0, part.repeat(pick([1, 1, 2, 20, 300], roll)))
  },
  function nest(tokens, roll) {
    tokens.splice(roll(tokens.length + 1), 0, pick(BRACKETS, roll).repeat(pick(DEPTHS, roll)))
  },
  function stretch(tokens, roll) {
    const at = roll(tokens.length)
    tokens[at] = tokens[at]!.slice(0, 20).repeat(pick([2, 50, 3000], roll))
  },
  function unquote(tokens, roll) {
    const at = roll(tokens.length)
    tokens[at] = tokens[at]!.slice(0, -1)
  },
  function moveLines(tokens, roll) {
    const lines = tokens.join('').split('\n')
    const [line] = lines.splice(roll(lines.length), 1)
    lines.splice(roll(lines.length + 1), 0, ...Array<string>(pick([1, 2, 200], roll)).fill(line!))
    tokens.splice(0, tokens.length, lines.join('\n'))
  },
  function lineEndings(tokens, roll) {
    const ending = pick(['\r', '\r\n', '\n\n', '\u2028', ' '], roll)
    for (const [i, token] of tokens.entries()) tokens[i] = token.replaceAll('\n', ending)
  },
]

/** A copy of one of the seeds with one to six changes; `words` are telling ones of the format. */
export function mutateText(
  seeds: readonly Uint8Array[],
  { words, roll }: { words: readonly string[]; roll: Dice },
): Buffer {
  let text = Buffer.from(pick(seeds, roll)).toString('utf8')
  for (let left = 1 + roll(1 + roll(6)); left > 0 && text !== ''; left--) {
    const from = text.length > MOST_TOKENS ? roll(text.length - MOST_TOKENS) : 0
    const tokens = text.slice(from, from + MOST_TOKENS).match(TOKEN) ?? []
    pick(CHANGES, roll)(tokens, roll, words)
    text = (text.slice(0, from) + tokens.join('') + text.slice(from + MOST_TOKENS)).slice(0, MOST_CHARACTERS)
  }
  const bytes = encoded(text, roll)
  return roll(8) === 0 ? changed(bytes, seeds, roll) : bytes
}

function encoded(text: string, roll: Dice): Buffer {
  switch (roll(24)) {
    case 0:
      return Buffer.from(`\ufeff${text}`)
    case 1:
      return Buffer.from(`\ufeff${text}`, 'utf16le')
    case 2:
      return Buffer.from(`\ufeff${text}`, 'utf16le').swap16()
    case 3:
      return Buffer.from(text, 'latin1')
    default:
      return Buffer.from(text)
  }
}
