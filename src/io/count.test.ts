import { expect, test } from 'vitest'
import { count } from './count.ts'

test('one and many', () => {
  expect(count(1, 'image')).toBe('1 image')
  expect(count(1103, 'image')).toBe('1,103 images')
  expect([count(2, 'class', 'has'), count(1, 'category', 'is')]).toEqual(['2 classes have', '1 category is'])
  expect([count(2, 'category'), count(0, 'epoch')]).toEqual(['2 categories', '0 epochs'])
})
