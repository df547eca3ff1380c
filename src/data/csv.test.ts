import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InputError } from '../errors.ts'
import { MAX_ENTRIES } from '../io/budget.ts'
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

test('a field of any length is read', () => {
  const long = 'a'.repeat(20_000_000)
  expect(parseCsv(`file,tags\n"${long}",cat`, 'x.csv')[1]!.fields).toEqual([long, 'cat'])
  expect(() => parseCsv(`file,tags\n"${long}`, 'x.csv')).toThrow('x.csv (line 2): a quote is not closed')
  expect(() => parseCsv(`file,tags\n"${'""'.repeat(20_000_000)}`, 'x.csv')).toThrow(InputError)
})

test('more rows than fit into memory are refused before they fill it', () => {
  const rows = 'a,b\n'.repeat(MAX_ENTRIES + 1)
  expect(parseCsv(rows, 'x.csv')).toHaveLength(MAX_ENTRIES + 1) // and a header
  expect(() => parseCsv(`${rows}a,b\n`, 'x.csv')).toThrow(
    'x.csv (line 1000002): has more rows than fit into memory; at most 1000000 rows and 20000000 cells are read: make several data sets of it',
  )
})
