import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { hasImageEnding } from './image-endings.ts'
import { imageNames } from './image-names.ts'
import { jsonRows } from './tag-json.ts'
import { cleanRows, uniteRows } from './tag-rows.ts'
import { tableRows } from './tag-table.ts'
import { decodeText } from './text-encoding.ts'

const context = { isImage: hasImageEnding, known: new Set(['cat']) }

/** Rows from any bytes, or an InputError; anything else is a bug. */
function read(bytes: Uint8Array, reader: typeof tableRows): boolean {
  try {
    const { rows, exclusive } = reader('tags', decodeText(bytes, 'tags').text, context)
    const cleaned = cleanRows('tags', rows, { known: ['cat'] })
    const united = uniteRows('tags', cleaned.rows, { exclusive })
    for (const { tags } of united.rows.values())
      for (const tag of tags) expect(tag).toMatch(/^[^\s\p{Cc}]([^\p{Cc}]*[^\s\p{Cc}])?$/u)
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(InputError)
    return false
  }
}

const pieces = fc.constantFrom(
  ...'file|tags|a.jpg|b.png|cat|Dog|none|,|;|\t|"|""|\n|\r\n|1|0|x| |split|train|[|]|{|}|:|null|true|é|\u200b|\ufeff|\0|\u0007|sep=;|images/|\\|__proto__|-'.split(
    '|',
  ),
  '|',
)
const text = fc.array(pieces, { maxLength: 40 }).map(parts => parts.join(''))
const whole = fc.oneof(
  text,
  text.map(rest => `file,tags\n${rest}`),
  text.map(rest => `a.jpg;cat\n${rest}`),
)
const bytes = fc.oneof(
  whole.map(value => new Uint8Array(Buffer.from(value))),
  whole.map(value => new Uint8Array(Buffer.from(value, 'latin1'))),
  whole.map(value => new Uint8Array(Buffer.from(`\ufeff${value}`, 'utf16le'))),
  fc.uint8Array({ maxLength: 60 }),
)

test('any bytes are a table, or refused', () => {
  let count = 0
  fc.assert(
    fc.property(bytes, value => {
      if (read(value, tableRows)) count++
    }),
    { numRuns: 5000 },
  )
  expect(count).toBeGreaterThan(200)
})

test('any JSON is a tag file, or refused', () => {
  const key = fc.constantFrom('a.jpg', 'b.png', 'file', 'tags', 'split', 'images', 'cat', '__proto__', '')
  const leaf = fc.constantFrom<unknown>(
    'a.jpg',
    'cat',
    'cat, dog',
    'cat;dog',
    1,
    0,
    true,
    null,
    '',
    'x\ny',
    1e300,
  )
  const { value } = fc.letrec<{ value: unknown }>(tie => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 3 }),
    ),
  }))
  let count = 0
  fc.assert(
    fc.property(
      fc.oneof(
        value.map(any => JSON.stringify(any)),
        whole,
      ),
      json => {
        if (read(new Uint8Array(Buffer.from(json)), jsonRows)) count++
      },
    ),
    { numRuns: 5000 },
  )
  expect(count).toBeGreaterThan(200)
})

test('an image is found by its own path, whatever else is there', () => {
  const spaced = imageNames([' y/a.jpg', ' y/A.jpg', 'a.jpg'])
  expect(spaced.find(' y/a.jpg')).toMatchObject({ file: ' y/a.jpg', loosely: false })
  const part = fc.constantFrom('a', 'A', 'b.c', 'é', 'e\u0301', 'img (1)', 'images', '.x', ' y', 'z ')
  const file = fc
    .tuple(fc.array(part, { minLength: 1, maxLength: 3 }), fc.constantFrom('.jpg', '.PNG', '.tif'))
    .map(([parts, ending]) => parts.join('/') + ending)
  fc.assert(
    fc.property(fc.uniqueArray(file, { minLength: 1, selector: name => name.normalize('NFC') }), files => {
      const names = imageNames(files, { roots: ['images'] })
      for (const name of files) {
        expect(names.find(name)).toMatchObject({ file: name, loosely: false })
        expect(names.find(`./${name}`.replaceAll('/', '\\'))).toMatchObject({ file: name, loosely: false })
      }
    }),
    { numRuns: 500 },
  )
})

test('any number of tags may be those of one image', () => {
  const list = 'a;'.repeat(300_000)
  for (const [reader, text] of [
    [tableRows, `file,tags\na.jpg,"${list}"\n`],
    [jsonRows, JSON.stringify({ 'a.jpg': list })],
  ] as const)
    expect(reader('tags', text, context).rows[0]!.tags).toHaveLength(300_000)
})
