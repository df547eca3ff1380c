import { expect, it } from 'vitest'
import type { ScoreRecord } from '../../evaluate/index.ts'
import type { PageImage } from './browser/page-data.ts'
import { findWeakClasses } from './weak-classes.ts'

const row = (name: string, iou: number, fp = 10, fn = 20) => ({ name, iou, fp, fn, absent: false })
const record = (classes: ScoreRecord['classes']): ScoreRecord => ({
  metric: 'mask',
  split: 'train',
  threshold: null,
  images: 9,
  miou: 50,
  fp: 1,
  fn: 1,
  precision: 1,
  recall: 1,
  classes,
  warnings: [],
})

it('with ground truth: below 30, or half of the mean, by the last score; never the background or absent ones', () => {
  const earlier = record([row('background', 10), row('cat', 5)])
  const last = record([
    row('background', 12),
    row('cat', 80),
    row('dog', 90),
    row('elk', 35),
    row('fox', 25, 40, 10),
    { ...row('gnu', 0), absent: true },
  ])
  const weak = findWeakClasses(['cat', 'dog', 'elk', 'fox', 'gnu'], { scores: [earlier, last], images: [] })
  expect(weak.map(({ name, problem }) => [name, problem])).toEqual([['fox', 'mask on train: IoU 25.0']])
  expect(weak[0]!.remedy).toContain('Painted where it is not')
  const high = record([row('background', 90), row('cat', 90), row('dog', 90), row('elk', 34)])
  expect(findWeakClasses(['cat', 'dog', 'elk'], { scores: [high], images: [] })[0]?.remedy).toContain(
    'missed',
  )
})

it('without: empty or covering nearly everything in most of the images tagged with it', () => {
  const image = (classes: number[], shares: [number, number][] | undefined): PageImage => ({
    number: 0,
    name: 'a',
    set: 0,
    classes,
    width: 1,
    height: 1,
    views: [],
    ...(shares && { shares }),
  })
  const images = [
    image([0], [[0, 20]]),
    image([0, 1], [[0, 20]]),
    image([1, 2], [[2, 95]]),
    image([1], [[1, 3]]),
    image([2], [[2, 99]]),
    image([1], undefined),
  ]
  expect(
    findWeakClasses(['cat', 'dog', 'elk', 'fox'], { scores: [], images }).map(({ name, problem }) => [
      name,
      problem,
    ]),
  ).toEqual([
    ['dog', 'mask empty in 2 of its 3 images'],
    ['elk', 'mask covers nearly all of 2 of its 2 images'],
  ])
})
