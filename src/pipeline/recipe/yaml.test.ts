import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { InputError } from '../../errors.ts'
import { loadRecipe, parseRecipe } from './load.ts'
import { parseSet } from './overrides.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-yaml-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Each line stands for nine of the line above. */
const laughs = Array.from('bcdefghij', (name, i) => {
  const inner = 'abcdefghi'[i]
  return `${name}: &${name} [${Array(9).fill(`*${inner}`).join(', ')}]`
})
const DEEP = 'nests more than 32 deep; write keys and values on a few levels'

test.each<[string, string | Uint8Array, string]>([
  [
    'aliases of aliases',
    ['a: &a [x, x]', ...laughs].join('\n'),
    ':1: repeats itself by aliases; write the values out',
  ],
  ['an alias of itself', 'method: &a [*a]', ':1: repeats itself by aliases; write the values out'],
  ['lists in lists', `a: 1\nmethod: ${'['.repeat(1900)}`, `:2: ${DEEP}`],
  ['lists in lists behind quoted brackets', `method: ${'["]", '.repeat(300)}`, `:1: ${DEEP}`],
  ['maps in maps', `method: ${'{a: '.repeat(400)}`, `:1: ${DEEP}`],
  ['dashes', `${'- '.repeat(900)}x`, `:1: ${DEEP}`],
  ['keys of keys', `${'? '.repeat(24)}x`, `:1: ${DEEP}`],
  [
    'keys of keys by lines',
    Array.from({ length: 24 }, (_, i) => `${' '.repeat(i)}?`).join('\n'),
    `:9: ${DEEP}`,
  ],
  ['steps', Array.from({ length: 200 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), `:33: ${DEEP}`],
  ['much text', 'a: b\n'.repeat(20_000), ':1: has 100000 characters; 32768 at most'],
  ['a line of quotes', `a: 1\nb: ${'"\\'.repeat(8000)}`, ':2: has a line of 16003 characters; 2000 at most'],
  [
    'a NUL',
    'method: mctformer\nname: a\0b\n',
    ':2: holds the control character 0; save it as plain text in UTF-8',
  ],
  [
    'Latin-1',
    Buffer.from('method: x\n\nname: caf\xe9\n', 'latin1'),
    ':3: is not in UTF-8; save it as plain text in UTF-8',
  ],
  ['UTF-16', Buffer.from('\ufeffmethod: x', 'utf16le'), ':1: is in UTF-16; save it as plain text in UTF-8'],
])('%s: an error with the line, at once', async (_, content, message) => {
  const path = join(folder, 'my.yaml')
  await writeFile(path, content)
  const before = process.cpuUsage()
  const error = await loadRecipe(path).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(InputError)
  expect((error as InputError).message).toBe(`${path}${message}`)
  expect(seconds(before)).toBeLessThan(1.5)
})

test('many wrong keys are quick, and folded', () => {
  const text = `method: mctformer\n${Array.from({ length: 2000 }, (_, i) => `key${i}: 1`).join('\n')}`
  const before = process.cpuUsage()
  let message = ''
  try {
    parseRecipe(text, 'my.yaml')
  } catch (error) {
    message = (error as InputError).message
  }
  expect(message).toMatch(/^recipe: 2\d\d\d things are wrong:\n/)
  expect(message.split('\n').at(-1)).toMatch(/^ {2}and [12]\d\d\d more$/)
  expect(message.split('\n')).toHaveLength(22)
  expect(seconds(before)).toBeLessThan(1.5)
})

test('--set takes no traps either', () => {
  for (const value of ['['.repeat(5000), `&a [*a]`, `${'? '.repeat(30)}x`, 'x'.repeat(40_000)]) {
    const text = `train.epochs=${value}`
    expect(() => parseSet(text)).toThrow(InputError)
  }
})

test('what a person may well write is read', () => {
  const text = `# a comment with [ { [ { and why ? because ? ${'['.repeat(50)}
method: mctformer # ? ? ? ? ? ? ? ? ? ? ?
data: &shared {root: "photos [2020] {a} ?"}
`
  expect(parseRecipe(text, 'my.yaml').method).toBe('mctformer')
})

/** Of a core, not of the clock: other tests run beside these. */
function seconds(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}
