/** @file Parity of the edge walk, its labels and pseudo labels with make_affinity_labels.py, inference_rw.py, make_pseudo_labels.py and core/aff_utils.py of SemFormer. */
import { z } from 'zod'
import { type Cams, predictLabels } from '../../../src/evaluate/index.ts'
import type { RgbImage } from '../../../src/io/image.ts'
import { type TensorData, toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import {
  PAIR,
  pairLabels,
  pairOffsets,
  pairStarts,
  upsampledScores,
} from '../../../src/refine/affinity/index.ts'
import { LABEL_CRF } from '../../../src/refine/crf-parameters.ts'
import {
  edgeWalk,
  pathAffinity,
  pathPositions,
  relativeToHighest,
  thresholdLabels,
} from '../../../src/refine/edge-walk/index.ts'
import { crfHardLabels } from '../../../src/refine/label-crf.ts'
import { fromData, ops, scope, type Tensor, tensor } from '../../../src/torch/index.ts'
import { TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import {
  type CheckOptions,
  type Fixture,
  type Kind,
  parseConfig,
  tensorOf,
  tensorsUnder,
} from '../fixture.ts'
import { allowRounding } from '../rounding.ts'
import { compareLabels } from './crf.ts'
import { byPathLength, pathRows } from './edge-paths.ts'
import { denseMatrix, transitions } from './psa-network.ts'

export const semformerLabels: Kind = {
  name: 'SemFormer edge walk and labels',
  matches: ({ source, has }) => /make_affinity_labels\.py/.test(source) && has('in.path.edge'),
  check,
}

const config = z.object({
  sizes: z.array(z.tuple([z.int(), z.int()])).min(1),
  beta: z.number(),
  exp_times: z.int(),
  pseudo: z.object({ threshold: z.number(), crf_iterations: z.tuple([z.literal(0), z.literal(1)]) }),
  affinity: z.object({ fg_threshold: z.number(), bg_threshold: z.number(), crf_t: z.int() }),
  crf: z.object({
    gt_prob: z.number(),
    sxy_g: z.literal(LABEL_CRF.gaussian!.sxy as 3),
    compat_g: z.literal(LABEL_CRF.gaussian!.compat as 3),
    sxy_b: z.literal(LABEL_CRF.bilateral!.sxy as 50),
    srgb: z.literal(LABEL_CRF.bilateral!.srgb as 5),
    compat_b: z.literal(LABEL_CRF.bilateral!.compat as 10),
  }),
  rw: z.object({ radius: z.int(), stride: z.int() }),
})
type Config = z.infer<typeof config>

async function check(fixture: Fixture, options: CheckOptions): Promise<Comparison[]> {
  const settings = parseConfig(fixture, config)
  const images = await Promise.all(
    settings.sizes.map((_, i) => checkImage(fixture, i, { settings, ...options })),
  )
  return [...images.flat(), ...scope(() => checkPaths(fixture, settings, options))]
}

type Run = CheckOptions & { readonly settings: Config }

async function checkImage(fixture: Fixture, i: number, { settings, device }: Run): Promise<Comparison[]> {
  const input = (name: string): TensorData => tensorOf(fixture, `in.${i}.${name}`)
  const [height, width] = input('image').shape as [number, number, number]
  const image: RgbImage = { width, height, data: input('image').data }
  const keys = [...toFloat64Array(input('keys'))]
  const { pseudo, affinity, crf, beta, exp_times: logt, rw } = settings
  const camsOf = (planes: Float32Array): Cams => ({
    width,
    height,
    maps: new Map(
      keys.slice(1).map((key, k) => [key - 1, planes.slice(k * width * height, (k + 1) * width * height)]),
    ),
  })
  const at = (cams: Cams, threshold: number) =>
    predictLabels(cams, { labels: Math.max(...keys) + 1, threshold, file: fixture.path })
  const options = { image, present: keys, gtProb: crf.gt_prob, name: fixture.path }
  const pseudoLabels = (cams: Cams, iterations: 0 | 1) => {
    const labels = at(cams, pseudo.threshold)
    return iterations === 0 ? labels : crfHardLabels({ ...LABEL_CRF, ...options, labels, iterations })
  }
  const { edges, raw, walked, error } = scope(() => {
    const map = fromData(input('edge')).to({ device })
    const edges = map.reshape(1, 1, map.size(1), map.size(2))
    const walk = { beta, logt, radius: rw.radius }
    const raw = edgeWalk(toFloat32Array(input('cam')), edges, walk)
    const grid = { rows: map.size(1), columns: map.size(2) }
    const fine = upsampledScores(raw, { width, height }, { grid, stride: rw.stride })
    const cells = fromData(input('cam')).reshape(-1, grid.rows * grid.columns)
    const off = cells.mul(map.reshape(-1).neg().add(1).to({ device: 'cpu' }))
    const affinity = pathAffinity(edges, { radius: rw.radius, pairs: 'corrected' }).toFloat32Array()
    const dense = denseMatrix(affinity, grid, { radius: rw.radius, pairs: 'corrected' })
    const error = squaringError(off, tensor(dense, [off.size(1), off.size(1)]), walk)
    return { edges: map.shape, raw, walked: relativeToHighest(fine).toFloat32Array(), error }
  })
  const hr = camsOf(toFloat32Array(input('hr_cam')))
  const out = (name: string): TensorData => tensorOf(fixture, `out.${i}.${name}`)
  const float = (name: string, got: Float32Array): Comparison =>
    compareFloat(`out.${i}.${name}`, got, toFloat32Array(out(name)), TOLERANCE.output)
  const labels = (name: string, got: Uint8Array): Comparison =>
    compareLabels(`out.${i}.${name}`, got, out(name).data)
  const aff = await thresholdLabels({
    ...options,
    iterations: affinity.crf_t,
    foreground: at(hr, affinity.fg_threshold),
    background: at(hr, affinity.bg_threshold),
  })
  return [
    compareExact(
      `in.${i}.edge`,
      edges.slice(1),
      [height, width].map(side => Math.ceil(side / rw.stride)),
    ),
    ...allowSquaring(fixture, error, [float('rw_raw', raw)]),
    ...allowSquaring(fixture, error / Math.max(...raw), [float('rw', walked)]),
    compareExact(`out.${i}.pseudo0`, (await pseudoLabels(hr, 0)).data, out('pseudo0').data),
    labels('pseudo1', (await pseudoLabels(hr, 1)).data),
    labels('aff', aff.data),
    labels('pseudo_rw', (await pseudoLabels(camsOf(walked), 1)).data),
  ]
}

function checkPaths(
  fixture: Fixture,
  { rw: { radius }, beta, exp_times: logt }: Config,
  { device }: CheckOptions,
): Comparison[] {
  const [rows, columns] = toFloat64Array(tensorOf(fixture, 'in.path.size')) as unknown as [number, number]
  const grid = { rows, columns }
  const edges = fromData(tensorOf(fixture, 'in.path.edge')).to({ device }).reshape(1, 1, rows, columns)
  const affinity = pathAffinity(edges, { radius }).toFloat32Array()
  const codes = pairLabels(tensorOf(fixture, 'in.path.label').data, grid, { radius })
  const rowsOf = (planes: Float32Array | Uint8Array): number[] => pathRows(planes, grid, { radius })
  const float = (name: string, got: ArrayLike<number>): Comparison =>
    compareFloat(
      `out.path.${name}`,
      got,
      toFloat32Array(tensorOf(fixture, `out.path.${name}`)),
      TOLERANCE.output,
    )
  const exact = (name: string, got: ArrayLike<number>): Comparison =>
    compareExact(`out.path.${name}`, got, toFloat64Array(tensorOf(fixture, `out.path.${name}`)))
  const given = fromData(tensorOf(fixture, 'out.path.dense'))
  const area = rows * columns
  const identity = tensor(
    Float32Array.from({ length: area ** 2 }, (_, i) => Number(i % (area + 1) === 0)),
    [area, area],
  )
  const coded = (code: number): number[] => rowsOf(codes).map(found => Number(found === code))
  return [
    ...checkIndices(fixture, grid, { radius }),
    float('aff', rowsOf(affinity)),
    float('dense', denseMatrix(affinity, grid, { radius })),
    ...allowSquaring(fixture, squaringError(identity, given, { beta, logt }), [
      float('transition', transitions({ affinity, grid }, { beta, logt, radius })),
    ]),
    exact('bg_pos', coded(PAIR.background)),
    exact('fg_pos', coded(PAIR.foreground)),
    exact('neg', coded(PAIR.different)),
  ]
}

/**
 * Scores through the squared matrix [N, N] as the original computes them, in float32 and in float64: largest difference. The
 * file does not say what rounding costs it; our walk is in float64.
 */
function squaringError(
  scores: Tensor,
  dense: Tensor,
  { beta, logt }: { beta: number; logt: number },
): number {
  return scope(() => {
    const [single, double] = (['float32', 'float64'] as const).map(dtype => {
      const powered = ops.pow(dense.to({ dtype }), beta)
      let steps = powered.div(powered.sum(0, { keepdim: true }))
      for (let i = 0; i < logt; i++) steps = steps.matmul(steps)
      return scores.to({ dtype }).matmul(steps).to({ dtype: 'float64' })
    }) as [Tensor, Tensor]
    return single.sub(double).abs().max().item()
  })
}

function allowSquaring(fixture: Fixture, error: number, comparisons: readonly Comparison[]): Comparison[] {
  const own = Object.fromEntries(comparisons.map(({ tensor }) => [tensor, error]))
  return allowRounding({ ...fixture, metadata: { float32_vs_float64: JSON.stringify(own) } }, comparisons)
}

/** PathIndex: where pairs start and end, and every position of their paths, the end first. */
function checkIndices(
  fixture: Fixture,
  grid: { rows: number; columns: number },
  { radius }: { radius: number },
): Comparison[] {
  const offsets = pairOffsets(radius)
  const start = pairStarts(grid, offsets[0]!, { radius })
  const starts = Array.from({ length: start.rows * start.columns }, (_, i) => {
    const [y, x] = [Math.floor(i / start.columns), i % start.columns]
    return (start.top + y) * grid.columns + start.left + x
  })
  const moved = ({ dy, dx }: { dy: number; dx: number }): number[] =>
    starts.map(from => from + dy * grid.columns + dx)
  const paths = byPathLength(radius).map(plane => {
    const reach = ({ dy, dx }: { dy: number; dx: number }): number => Math.abs(dy) + Math.abs(dx)
    return pathPositions(offsets[plane]!).sort((a, b) => reach(b) - reach(a))
  })
  const byLength = [...new Set(paths.map(({ length }) => length))].map(length =>
    paths.filter(path => path.length === length),
  )
  const exact = (name: string, got: readonly number[]): Comparison =>
    compareExact(name, got, toFloat64Array(tensorOf(fixture, name)))
  return [
    exact('out.path.src', starts),
    exact(
      'out.path.dst',
      paths.flatMap(([end]) => moved(end!)),
    ),
    compareExact('path lengths', [byLength.length], [tensorsUnder(fixture, 'out.path.lengths').size]),
    ...byLength.map((group, i) => exact(`out.path.lengths${i}`, group.flat().flatMap(moved))),
  ]
}
