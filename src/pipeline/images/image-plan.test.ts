import { expect, test } from 'vitest'
import { scaledSize } from '../../data/transforms/views.ts'
import { silentLog } from '../../train/log.ts'
import { type ImagePlanOptions, planImages, sizeWithin } from './image-plan.ts'

const sample = (id: string) => ({ id, image: `${id}.jpg`, tags: [0] })

function plan(options: Partial<ImagePlanOptions> = {}) {
  return planImages({
    title: 'maps',
    longestSide: 1024,
    key: 'maps.longestSide',
    least: 16,
    memoryOf: ({ working: { width, height } }) => (width * height) ** 2, // as attention
    budget: () => Number.POSITIVE_INFINITY,
    ...options,
  })
}

/** What the plan says, and what it warns of. */
function told(images: ReturnType<typeof plan>): { lines: string; warnings: readonly string[] } {
  const log = silentLog()
  const lines: string[] = []
  images.tell({ ...log, info: text => void lines.push(text), warn: text => void lines.push(`! ${text}`) })
  return { lines: lines.join('\n'), warnings: log.warnings }
}

test('an image within the longest side is left as it is', () => {
  const images = plan()
  expect(images.fit(sample('a'), { width: 1024, height: 500 })).toBe(1)
  expect(told(images).lines).toBe('')
})

test('larger ones are worked on within it, and named in one line', () => {
  const images = plan()
  for (const id of ['a', 'b', 'c', 'd', 'e'])
    expect(images.fit(sample(id), { width: 4000, height: 6000 })).toBe(1024 / 6000)
  expect(told(images).lines).toBe(
    'maps: 5 images are larger than maps.longestSide (1024 pixels) and processed at that size: a, b, c and 2 more',
  )
  expect(told(images).lines).toBe('')
})

test('one that does not fit into memory is shrunk until it does, and said with its size', () => {
  const there = (500 * 300) ** 2
  const images = plan({ budget: () => there })
  const own = { width: 1000, height: 600 }
  const fit = images.fit(sample('a'), own)
  const { width, height } = scaledSize(own, fit)
  expect((width * height) ** 2).toBeLessThanOrEqual(there)
  expect(width).toBeGreaterThan(400)
  expect(told(images).lines).toBe(
    `! maps: 1 image does not fit into memory (22.5 GB may be used, by memory of the recipe and of the machine) and is processed at a smaller size: a (${width} x ${height})`,
  )
})

test('what fits at no size is refused with what it needs', () => {
  const images = plan({ budget: () => 1000, memoryOf: ({ own }) => own.width * own.height })
  expect(() => images.fit(sample('a'), { width: 6000, height: 4000 })).toThrow(
    "a.jpg: 6000 x 4000 pixels do not fit into memory: about 24 MB are needed even at the smallest size; 1 MB may be used; free memory, raise the recipe's key memory (MB), or give a smaller image",
  )
})

test('of an image that is left out after all no size is said', () => {
  const images = plan({ budget: () => (500 * 300) ** 2 })
  images.fit(sample('a'), { width: 1000, height: 600 })
  images.fit(sample('b'), { width: 1100, height: 33 })
  for (const id of ['a', 'b']) images.forget(sample(id))
  expect(told(images).lines).toBe('')
})

test.each([
  [12, 9],
  [48, 5],
  [1, 5000],
  [5000, 1],
  [1, 1],
])('%i x %i pixels are smaller than a patch', (width, height) => {
  expect(() => plan().fit(sample('p'), { width, height })).toThrow(
    `p.jpg: ${width} x ${height} pixels is smaller than a patch; at least 16 x 16`,
  )
})

test('when memory ran out all the same, half the size is taken', () => {
  const images = plan()
  images.halve(sample('a'))
  expect(images.fit(sample('a'), { width: 800, height: 600 })).toBe(0.5)
  expect(images.fit(sample('b'), { width: 800, height: 600 })).toBe(1)
  expect(told(images).lines).toContain('a (400 x 300)')
})

test('no side of a working size is lost', () => {
  expect(sizeWithin(1000, { width: 5000, height: 1 })).toEqual({ width: 1000, height: 1 })
})
