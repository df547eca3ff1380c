import { expect, test } from 'vitest'
import { textTable } from './text-table.ts'

test('columns are as wide as their cells, numbers at the right, long cells cut', () => {
  const columns = [{ title: 'name' }, { title: 'size', align: 'right' }, { title: 'for', most: 6 }] as const
  const rows = [
    ['thirty', '1.5 MB', 'photographs'],
    ['x', '12 MB', ''],
  ]
  expect(textTable(columns, rows)).toBe(
    ['name      size  for', 'thirty  1.5 MB  photo…', 'x        12 MB'].join('\n'),
  )
  expect(textTable(columns, [])).toBe('name  size  for')
})
