import { expect, test } from 'vitest'
import { oddNames } from './class-names.ts'
import { checkClasses } from './listing.ts'
import { meansNoTag } from './tag-words.ts'

test('names that may be several tags are warned of, others are not', () => {
  expect(oddNames(['dog', 'person', 'dog person', 'dog, cat', 'cat & person'])).toEqual([
    'classes that may be several tags, which are to be separated by ";": "dog person", "dog, cat", "cat & person"',
  ])
  expect(oddNames(['bear', 'polar bear', 'salt and pepper', 'sea lion', 'sea'])).toEqual([])
})

test('numbers are classes, and it is said', () => {
  expect(oddNames(['0', '1'])).toEqual(['the classes are numbers, each of them a class: 0, 1'])
  expect(oddNames(['1', 'dog'])).toEqual([])
})

test.each(['background', '_background_', '__Background__'])('%s is no class anywhere in a list', name => {
  expect(() => checkClasses('classes.txt', ['dog', name])).toThrow('lists the background')
  expect(meansNoTag(name)).toBe(true)
})
