import { expect, it } from 'vitest'
import type { PageImage } from './page-data.ts'
import { interceptOf, miouAt, type Order, selectImages } from './selection.ts'

const image = (name: string, more: Partial<PageImage> = {}): PageImage => ({
  number: 0,
  name,
  set: 0,
  classes: [],
  width: 4,
  height: 2,
  views: [],
  ...more,
})

const images = [
  image('img10', { classes: [0], miou: 30, unsure: 0.2, shares: [[0, 10]] }),
  image('img2', { classes: [0, 1], miou: 80, unsure: 0.1, shares: [[1, 60]] }),
  image('Heron', {
    classes: [1],
    set: 1,
    shares: [
      [1, 5],
      [0, 50],
    ],
  }),
]
const names = (order: Order, more: { set?: number; class?: number; name?: string } = {}): string[] =>
  selectImages(images, { order, set: -1, class: -1, name: '', ...more }).map(index => images[index]!.name)

it('sorts, numbers in names by value, images without the value last', () => {
  expect(names('name')).toEqual(['Heron', 'img2', 'img10'])
  expect(names('worst')).toEqual(['img10', 'img2', 'Heron'])
  expect(names('best')).toEqual(['img2', 'img10', 'Heron'])
  expect(names('unsure')).toEqual(['img10', 'img2', 'Heron'])
  expect(names('sure')).toEqual(['img2', 'img10', 'Heron'])
  expect(names('large')).toEqual(['img2', 'Heron', 'img10'])
})

it('selects by class, set and a part of the name; of a class its own share counts', () => {
  expect(names('name', { class: 0 })).toEqual(['img2', 'img10'])
  expect(names('large', { class: 1 })).toEqual(['img2', 'Heron'])
  expect(names('name', { set: 1 })).toEqual(['Heron'])
  expect(names('name', { name: ' HER ' })).toEqual(['Heron'])
  expect(names('name', { class: 0, name: 'her' })).toEqual([])
})

it('finds the mIoU of the nearest point of the curve', () => {
  const curve = [
    [0, 10],
    [0.4, 50],
    [0.5, 45],
  ] as const
  expect(miouAt({ value: 0.4, curve }, 0.41)).toBe(50)
  expect(miouAt({ value: 0.4, curve }, 1)).toBe(45)
  expect(miouAt({ value: 0.4, curve: [] }, 0.4)).toBeUndefined()
})

it('the filter paints alpha above the threshold, and none up to it', () => {
  for (const level of [0, 1, 63, 199]) {
    const paint = (alpha: number): number =>
      Math.min(1, Math.max(0, (510 * alpha) / 255 + interceptOf(level / 200)))
    expect(paint(55 + level)).toBe(0)
    expect(paint(55 + level + 1)).toBe(1)
  }
})
