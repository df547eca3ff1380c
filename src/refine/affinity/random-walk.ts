/** @file Class scores spread along affinities by a random walk (infer_aff.py), on the pairs alone: no N x N matrix. Torch-free. */
import { InputError } from '../../errors.ts'
import { type PairGrid, type PairOptions, pairOffsets, pairStarts, RADIUS } from './pairs.ts'

export interface WalkOptions extends PairOptions {
  /** Power of each affinity before normalisation. */
  readonly beta?: number
  /** The walk takes 2^logt steps. */
  readonly logt?: number
}

export const WALK = { beta: 8, logt: 6 } as const

/**
 * scores . T^(2^logt), T = A^beta with columns that sum to 1, A the pair affinities [offsets, h, w] both ways and 1 on the
 * diagonal; scores [rows, h, w]. T itself is applied 2^logt times to the rows, where the original squares the N x N matrix
 * logt times: the same product, 2^logt * rows * 69 N multiplications instead of logt * N^3. Memory: offsets + 4 doubles
 * a position, 304 bytes for radius 5. Throws InputError on invalid parameters.
 */
export function randomWalk(
  scores: Float32Array,
  affinity: Float32Array,
  { rows, columns }: PairGrid,
  { beta = WALK.beta, logt = WALK.logt, radius = RADIUS, pairs = 'published' }: WalkOptions = {},
): Float32Array {
  if (!(beta > 0 && Number.isFinite(beta)))
    throw new InputError('random walk', `is ${beta}`, {
      field: 'beta',
      expected: 'expected a positive number',
    })
  if (!Number.isInteger(logt) || logt < 0 || logt > 20)
    throw new InputError('random walk', `is ${logt}`, { field: 'logt', expected: 'expected 0 to 20' })
  const area = rows * columns
  const graph = transitions(affinity, { rows, columns }, { beta, radius, pairs })
  const out = new Float32Array(scores.length)
  let [now, next] = [new Float64Array(area), new Float64Array(area)]
  for (let row = 0; row < scores.length; row += area) {
    now.set(scores.subarray(row, row + area))
    for (let step = 0; step < 2 ** logt; step++) {
      advance(now, next, graph)
      ;[now, next] = [next, now]
    }
    out.set(now, row)
  }
  return out
}

/** The pairs of one offset: i and i + step, for i in runs of neighbouring positions. */
interface Edges {
  readonly step: number
  /** First and one past the last i of each run. */
  readonly runs: Int32Array
  /** A^beta at i. */
  readonly weights: Float64Array
}

interface Transitions {
  readonly edges: readonly Edges[]
  /** 1 / column sum of A^beta. */
  readonly share: Float64Array
}

function transitions(
  affinity: Float32Array,
  { rows, columns }: PairGrid,
  { beta, radius, pairs }: Required<Omit<WalkOptions, 'logt'>>,
): Transitions {
  const area = rows * columns
  const sums = new Float64Array(area).fill(1) // the diagonal
  const edges = pairOffsets(radius).map((offset, plane): Edges => {
    const start = pairStarts({ rows, columns }, offset, { radius, pairs })
    const step = offset.dy * columns + offset.dx
    const first = (y: number): number => (start.top + y) * columns + start.left
    const count = start.columns === 0 ? 0 : start.rows
    const runs = Int32Array.from({ length: 2 * count }, (_, i) => first(i >> 1) + (i & 1) * start.columns)
    const weights = Float64Array.from(affinity.subarray(plane * area, (plane + 1) * area), a => a ** beta)
    for (let run = 0; run < runs.length; run += 2) {
      for (let i = runs[run]!, end = runs[run + 1]!; i < end; i++) {
        sums[i] = sums[i]! + weights[i]!
        sums[i + step] = sums[i + step]! + weights[i]!
      }
    }
    return { step, runs, weights }
  })
  return { edges, share: sums.map(sum => 1 / sum) }
}

/** next = now . T: A is symmetric, so each pair carries both ways; then every column gets its share. */
function advance(now: Float64Array, next: Float64Array, { edges, share }: Transitions): void {
  next.set(now)
  for (const { step, runs, weights } of edges) {
    for (let run = 0; run < runs.length; run += 2) {
      const end = runs[run + 1]!
      for (let i = runs[run]!; i < end; i++) {
        const weight = weights[i]!
        next[i + step] = next[i + step]! + now[i]! * weight
        next[i] = next[i]! + now[i + step]! * weight
      }
    }
  }
  for (let i = 0; i < next.length; i++) next[i] = next[i]! * share[i]!
}
