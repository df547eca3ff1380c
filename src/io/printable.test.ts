import fc from 'fast-check'
import { expect, it } from 'vitest'
import { printable, shortName, textOf } from './printable.ts'

it('shows what a terminal would obey, and leaves the rest as it is', () => {
  expect(printable('a\u001b[2Jb\u0007\u009b31m\u202edoc.exe\r')).toBe(
    'a\\u001b[2Jb\\u0007\\u009b31m\\u202edoc.exe\\u000d',
  )
  expect(printable('zwei Zeilen\n\tHäschen 犬 👩‍🔬')).toBe('zwei Zeilen\n\tHäschen 犬 👩‍🔬')
  expect(printable('zwei\nZeilen\t', { oneLine: true })).toBe('zwei\\nZeilen\\u0009')
  expect(printable('\ud800')).toBe('\\ud800')
})

it('lets nothing through that could move the cursor', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      expect(printable(text, { oneLine: true })).not.toMatch(/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u)
    }),
  )
})

it('cuts long names in the middle', () => {
  expect(shortName('x'.repeat(40))).toBe('x'.repeat(40))
  expect(shortName(`${'a'.repeat(300)}.png`, { most: 11 })).toBe('aaaaa…a.png')
})

it('the message of a library is one line, each part once', () => {
  expect(textOf(new Error('VipsJpeg: out of order\nVipsJpeg: out of order\n\n vips2png: \u001b[2J\n'))).toBe(
    'VipsJpeg: out of order; vips2png: \\u001b[2J',
  )
})
