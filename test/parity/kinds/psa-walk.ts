/** @file Parity of the random walk with psa/infer_aff.py, on given affinities and on the network's (`psa_random_walk`). */
import { z } from 'zod'
import { normalise } from '../../../src/data/transforms/normalise.ts'
import { predictLabels } from '../../../src/evaluate/index.ts'
import { toFloat32Array } from '../../../src/io/tensor-data.ts'
import {
  type Affinities,
  imageAffinities,
  type PairGrid,
  type PairOptions,
  pairOffsets,
  pairStarts,
  upsampledScores,
  type WalkedImage,
  type WalkOptions,
  walkedMaps,
  walkedScores,
} from '../../../src/refine/affinity/index.ts'
import { scope, tensor } from '../../../src/torch/index.ts'
import { TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat, mismatch } from '../comparison.ts'
import {
  type CheckOptions,
  type Fixture,
  type Kind,
  parseConfig,
  tensorOf,
  tensorsUnder,
} from '../fixture.ts'
import { denseMatrix, transitions, withAffinityNet } from './psa-network.ts'
import { weightRule } from './resnet38-rule.ts'

export const psaWalk: Kind = {
  name: 'random walk',
  matches: ({ source, has }) => /infer_aff\.py/.test(source) && has('in.affinity'),
  check,
}

const walkConfig = z.object({
  grid: z.tuple([z.int(), z.int()]),
  bg_thr: z.number(),
  num_labels: z.int(),
  classes: z.array(z.int()),
  runs: z.array(z.tuple([z.number(), z.int()])),
  network_rule: weightRule,
  network_run: z.object({ beta: z.number(), logt: z.int(), bg_thr: z.number() }),
})
type Config = z.infer<typeof walkConfig>

const STRIDE = 8

async function check(fixture: Fixture, options: CheckOptions): Promise<readonly Comparison[]> {
  const config = parseConfig(fixture, walkConfig)
  const image = imageOf(fixture, config)
  const [rows, columns] = config.grid
  const given = givenPlanes(toFloat32Array(tensorOf(fixture, 'in.affinity')), { rows, columns })
  return [
    compareExact('config.grid', config.grid, [
      Math.ceil(image.height / STRIDE),
      Math.ceil(image.width / STRIDE),
    ]),
    compareExact('config.classes', [...image.maps.keys()], config.classes),
    ...(given === undefined
      ? [mismatch('in.affinity', 'has an entry that is no pair of radius 5')]
      : config.runs.flatMap(([beta, logt], run) =>
          checkRun(fixture, image, {
            prefix: `given.${run}`,
            affinities: { affinity: given, grid: { rows, columns }, stride: STRIDE },
            walk: { beta, logt, pairs: 'corrected' },
            threshold: config.bg_thr,
            labels: config.num_labels,
          }),
        )),
    ...(await checkNetwork(fixture, image, config, options)),
  ]
}

interface Run {
  readonly prefix: string
  readonly affinities: Affinities
  readonly walk: WalkOptions
  readonly threshold: number
  readonly labels: number
}

function checkRun(fixture: Fixture, image: WalkedImage, run: Run): Comparison[] {
  const { prefix, affinities, walk, threshold, labels } = run
  const { grid } = affinities
  const scores = walkedScores(image, affinities, walk).map((score, i) =>
    i < grid.rows * grid.columns ? score * threshold : score,
  )
  const maps = walkedMaps(image, affinities, walk)
  const prediction = predictLabels({ ...image, maps }, { labels, threshold, file: fixture.path })
  return [...tensorsUnder(fixture, `${prefix}.`)].flatMap(([name, want]): Comparison[] => {
    const full = `${prefix}.${name}`
    const floats = (got: ArrayLike<number>): Comparison[] => [
      compareFloat(full, got, toFloat32Array(want), TOLERANCE.output),
    ]
    if (name === 'affinity') return floats(denseMatrix(affinities.affinity, grid, walk))
    if (name === 'trans') return floats(transitions(affinities, walk))
    if (name === 'cam_rw') return floats(allLabels(scores, image, { grid, labels }))
    if (name === 'pred') return [compareExact(full, prediction.data, want.data)]
    if (name !== 'cam_up') return []
    const padded = { width: grid.columns * STRIDE, height: grid.rows * STRIDE }
    return floats(scope(() => upsampledScores(scores, padded, affinities).toFloat32Array()))
  })
}

/** The same with the affinities of a network with weights by rule. */
function checkNetwork(
  fixture: Fixture,
  image: WalkedImage,
  { network_rule, network_run, num_labels: labels }: Config,
  options: CheckOptions,
): Promise<Comparison[]> {
  const { beta, logt, bg_thr: threshold } = network_run
  const { data } = tensorOf(fixture, 'in.image_rgb')
  const pixels = normalise({ ...image, data })
  return withAffinityNet(network_rule, options, network => {
    const affinities = scope(() =>
      imageAffinities(network, tensor(pixels, [1, 3, image.height, image.width]).to(options)),
    )
    return checkRun(fixture, image, {
      prefix: 'network',
      affinities,
      walk: { beta, logt },
      threshold,
      labels,
    })
  })
}

function imageOf(fixture: Fixture, { classes }: Config): WalkedImage {
  const [height, width] = tensorOf(fixture, 'in.image_rgb').shape as [number, number, number]
  const maps = new Map(classes.map(key => [key, toFloat32Array(tensorOf(fixture, `in.cam.${key}`))]))
  return { width, height, maps }
}

/** A symmetric matrix [N, N] as planes of pairs; undefined when it has other entries. */
function givenPlanes(matrix: Float32Array, grid: PairGrid): Float32Array | undefined {
  const area = grid.rows * grid.columns
  const options: PairOptions = { pairs: 'corrected' }
  const offsets = pairOffsets()
  const planes = new Float32Array(offsets.length * area)
  for (const [plane, offset] of offsets.entries()) {
    const start = pairStarts(grid, offset, options)
    for (let y = start.top; y < start.top + start.rows; y++) {
      for (let x = start.left; x < start.left + start.columns; x++) {
        const i = y * grid.columns + x
        planes[plane * area + i] = matrix[i * area + i + offset.dy * grid.columns + offset.dx]!
      }
    }
  }
  const rebuilt = denseMatrix(planes, grid, options)
  return rebuilt.every((value, i) => value === matrix[i]) ? planes : undefined
}

/** [1, labels, rows, columns]: zero for classes not in the image. */
function allLabels(
  scores: Float32Array,
  { maps }: WalkedImage,
  { grid, labels }: { grid: PairGrid; labels: number },
): Float32Array {
  const area = grid.rows * grid.columns
  const all = new Float32Array(labels * area)
  for (const [i, label] of [0, ...[...maps.keys()].map(key => key + 1)].entries())
    all.set(scores.subarray(i * area, (i + 1) * area), label * area)
  return all
}
