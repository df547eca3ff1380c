import { expect, test } from 'vitest'
import { InputError } from './errors.ts'

test('an error names the file, the field and what would be right', () => {
  const error = new InputError('a.csv', 'is empty', { field: 'line 3', expected: 'write a tag' })
  expect(error.message).toBe('a.csv (line 3): is empty; write a tag')
})

test('an error stays readable whatever a damaged file holds', () => {
  const long = 'x'.repeat(100_000)
  const { file, message, field, problem, expected } = new InputError('a.csv', `unknown class "${long}"`, {
    field: `row ${long}`,
    expected: `did you mean "${long}"?`,
  })
  expect(file).toBe('a.csv')
  expect(message.length).toBeLessThan(6500)
  expect(message).toMatch(
    /^a\.csv \(row x+ \.\.\. x+\): unknown class "x+ \.\.\. x+"; did you mean "x+ \.\.\. x+"\?$/,
  )
  expect(message).toBe(`a.csv (${field}): ${problem}; ${expected}`)
})
