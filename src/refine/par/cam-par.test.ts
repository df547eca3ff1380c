import { expect, test } from 'vitest'
import { InputError } from '../../errors.ts'
import { parLabels } from './cam-par.ts'

const [width, height] = [48, 16]
/** Dark up to column 24, bright beyond it. */
const image = {
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => ((i / 3) % width < 24 ? 20 : 220)),
}
const map = (value: (x: number) => number): Float32Array =>
  Float32Array.from({ length: width * height }, (_, p) => value(p % width))

test('a class fills what is of the colour of its strongest places, and keeps its number', async () => {
  const cams = new Map([[6, map(x => (x < 16 ? 1 : 0.1))]])
  const { data } = await parLabels({ image, cams, background: 0.4, iterations: 40 })
  const row = [...data.subarray(8 * width, 9 * width)]
  expect(new Set(row)).toEqual(new Set([0, 7]))
  expect(row.indexOf(0)).toBeGreaterThanOrEqual(18) // the map itself ends at 16
  expect(row.indexOf(0)).toBeLessThanOrEqual(25)
})

test('the background grows with the maps, and labels have the size asked for', async () => {
  const cams = new Map([[0, map(() => 0.41)]])
  const labels = await parLabels({
    image,
    cams,
    background: 0.4,
    size: { width: 24, height: 8 },
    iterations: 60,
  })
  expect([labels.width, labels.height, new Set(labels.data)]).toEqual([24, 8, new Set([1])])
  const ground = await parLabels({ image, cams, background: 0.42, iterations: 60 })
  expect(new Set(ground.data)).toEqual(new Set([0]))
  const byAlpha = await parLabels({ image, cams, alpha: 2, iterations: 60 }) // (1 - 0.41)^2 = 0.348
  expect(new Set(byAlpha.data)).toEqual(new Set([1]))
})

test('maps of another size, a score that is none', async () => {
  const refine = (cams: Map<number, Float32Array>, background: number): Promise<unknown> =>
    parLabels({ image, cams, background, name: 'a' })
  await expect(refine(new Map([[0, new Float32Array(4)]]), 0.4)).rejects.toThrow(
    "a (class 0): the map has 4 pixels; expected the image's 768",
  )
  await expect(refine(new Map(), Number.NaN)).rejects.toThrow(InputError)
})
