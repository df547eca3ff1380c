import { expect, test } from 'vitest'
import { cleanRows } from './tag-rows.ts'
import { decodeText } from './text-encoding.ts'

test('Windows-1252 has letters, quotes and dashes where Latin-1 has controls', () => {
  const bytes = Uint8Array.of(0x8a, 0x9a, 0x80, 0x96, 0x84, 0x93, 0x9f, 0xe4)
  expect(decodeText(bytes, 'tags.csv')).toEqual({
    text: 'Šš€–„“Ÿä',
    encoding: 'Windows-1252 (Latin-1)',
  })
})

test('UTF-16 that was cut short is refused, not read with a lost letter', () => {
  const whole = Buffer.from('\ufefffile,tags\na.jpg,dog\n', 'utf16le')
  expect(decodeText(whole, 'tags.csv').text).toBe('file,tags\na.jpg,dog\n')
  expect(() => decodeText(whole.subarray(0, -1), 'tags.csv')).toThrow(
    'tags.csv: is UTF-16 and damaged, or cut short; save it again as text in UTF-8',
  )
})

test('a tag of which a letter was lost is refused', () => {
  const row = { file: 'a.jpg', tags: ['B\ufffdr'], split: undefined, where: 'line 2' }
  expect(() => cleanRows('tags.csv', [row], { known: [] })).toThrow(
    'tags.csv (line 2): has the tag "B\ufffdr", of which a letter was lost; save the table again as text in UTF-8',
  )
})
