import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCsv } from './csv.ts'

test('what is written is read back, whatever is in it', () => {
  const field = fc.string({ unit: fc.constantFrom('a', 'é', ',', '"', '\n', '\r\n', ';', ' ') })
  const table = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1 })
  fc.assert(
    fc.property(table, fc.constantFrom('\n', '\r\n', '\r'), fc.boolean(), (rows, ending, last) => {
      const quote = (value: string) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)
      const text = rows.map(row => row.map(quote).join(',')).join(ending) + (last ? ending : '')
      expect(parseCsv(text, 'x.csv').map(({ fields }) => fields)).toEqual(rows)
    }),
  )
})

test('lines are counted through quoted line breaks', () => {
  expect(parseCsv('a,b\n"x\ny",1\n\nz,2', 'x.csv').map(({ line }) => line)).toEqual([1, 2, 5])
})
