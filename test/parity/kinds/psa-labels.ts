/** @file Parity of AffinityNet's training samples and labels with psa/voc12/data.py (`psa_aff_labels`). */
import { z } from 'zod'
import { AFFINITY_TRANSFORM, affinitySample } from '../../../src/data/transforms/affinity.ts'
import { toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { PAIR, pairLabels, pairOffsets, pairStarts } from '../../../src/refine/affinity/index.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { pairColumns } from './psa-network.ts'

export const psaLabels: Kind = {
  name: 'AffinityNet labels',
  matches: ({ source, hasPrefix }) => /voc12\/data\.py/.test(source) && hasPrefix('out.label_map.'),
  check,
}

const labelConfig = z.object({
  crop_size: z.int().positive(),
  radius: z.int().min(2),
  stride: z.int().positive(),
  images: z.array(
    z.object({
      draws: z.tuple([
        z.tuple([z.literal('randrange'), z.int(), z.int()]),
        z.tuple([z.literal('randrange'), z.int(), z.int()]),
        z.tuple([z.literal('getrandbits'), z.literal(1), z.int()]),
      ]),
      keys: z.array(z.int()),
    }),
  ),
  pair_sizes: z.array(z.tuple([z.int(), z.int()])),
})
type Config = z.infer<typeof labelConfig>

function check(fixture: Fixture): Comparison[] {
  const config = parseConfig(fixture, labelConfig)
  return [
    ...config.images.flatMap((_, i) => checkSample(fixture, i, config)),
    ...config.pair_sizes.flatMap((size, i) => checkPairs(fixture, i, size, config)),
  ]
}

function checkSample(
  fixture: Fixture,
  image: number,
  { images, crop_size, stride, radius }: Config,
): Comparison[] {
  const sample = tensorOf(fixture, `in.image_rgb.${image}`)
  const [height, width] = sample.shape as [number, number, number]
  const [low, high] = ['la', 'ha'].map(name => toFloat32Array(tensorOf(fixture, `in.${name}.${image}`))) as [
    Float32Array,
    Float32Array,
  ]
  const { draws, keys } = images[image]!
  const side = crop_size / stride
  const out = {
    pixels: new Float32Array(3 * crop_size * crop_size),
    labels: new Uint8Array(side * side),
  }
  const ranges: number[] = []
  const places = draws.slice(0, 2).map(([, , value]) => value)
  const drawn = {
    integer(from: number, to: number) {
      ranges.push(to - from + 1)
      return places.shift()!
    },
    uniform: () => (draws[2][2] === 1 ? 0 : 1),
    normal: () => 0,
  }
  affinitySample(
    {
      image: { width, height, data: sample.data },
      scores: { width, height, channels: keys.length, low, high },
      file: fixture.path,
    },
    { ...AFFINITY_TRANSFORM, cropSize: crop_size, stride, jitter: false },
    drawn,
    out,
  )
  const grid = { rows: side, columns: side }
  const codes = pairColumns(pairLabels(out.labels, grid, { radius }), grid, { radius })
  const marks = { bg: PAIR.background, fg: PAIR.foreground, neg: PAIR.different }
  return [
    compareExact(
      `config.images.${image}.draws`,
      ranges,
      draws.slice(0, 2).map(([, range]) => range),
    ),
    compareFloat(`out.x.${image}`, out.pixels, toFloat32Array(tensorOf(fixture, `out.x.${image}`)), 1e-6),
    compareExact(`out.label_map.${image}`, out.labels, tensorOf(fixture, `out.label_map.${image}`).data),
    ...Object.entries(marks).map(([name, code]) =>
      compareExact(
        `out.${name}.${image}`,
        codes.map(found => (found === code ? 1 : 0)),
        tensorOf(fixture, `out.${name}.${image}`).data,
      ),
    ),
  ]
}

/** Start and end of the pairs, offset by offset. */
function checkPairs(
  fixture: Fixture,
  number: number,
  [rows, columns]: readonly [number, number],
  { radius }: Config,
): Comparison[] {
  const starts = pairOffsets(radius).map(offset => {
    const start = pairStarts({ rows, columns }, offset, { radius })
    const from = Array.from(
      { length: start.rows * start.columns },
      (_, i) => (start.top + Math.floor(i / start.columns)) * columns + start.left + (i % start.columns),
    )
    return { from, to: from.map(i => i + offset.dy * columns + offset.dx) }
  })
  const expected = (end: 'from' | 'to'): Float64Array =>
    toFloat64Array(tensorOf(fixture, `pairs.${number}.${end}`))
  return [
    compareExact(`pairs.${number}.from`, starts[0]!.from, expected('from')),
    compareExact(
      `pairs.${number}.to`,
      starts.flatMap(({ to }) => to),
      expected('to'),
    ),
  ]
}
