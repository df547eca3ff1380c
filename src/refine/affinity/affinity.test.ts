import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resnet38Backbone } from '../../models/dense-backbone.ts'
import { autocast, backward, manualSeed, noGrad, ops, scope, tensor } from '../../torch/index.ts'
import {
  affinityGroups,
  affinityLosses,
  affinityNet,
  imageAffinities,
  PAIR,
  type PairGrid,
  type PairRule,
  pairAffinity,
  pairLabels,
  pairOffsets,
  pairStarts,
  randomWalk,
  walkedMaps,
  walkedScores,
} from './index.ts'
import { plainPairAffinity } from './pair-affinity.ts'

const RULES: readonly PairRule[] = ['published', 'corrected']

/** A [N, N], symmetric with ones on the diagonal, from planes of pairs. */
function dense(planes: Float32Array, { rows, columns }: PairGrid, pairs: PairRule): number[][] {
  const area = rows * columns
  const matrix: number[][] = Array.from({ length: area }, (_, i) =>
    Array.from({ length: area }, (_, j) => (i === j ? 1 : 0)),
  )
  for (const [plane, offset] of pairOffsets().entries()) {
    const start = pairStarts({ rows, columns }, offset, { pairs })
    for (let y = start.top; y < start.top + start.rows; y++)
      for (let x = start.left; x < start.left + start.columns; x++) {
        const [i, j] = [y * columns + x, (y + offset.dy) * columns + x + offset.dx]
        matrix[i]![j] = matrix[j]![i] = planes[plane * area + i]!
      }
  }
  return matrix
}

/** scores . T^(2^logt) as the original does it: the matrix squared. */
function denseWalk(scores: readonly number[], matrix: number[][], { beta = 8, logt = 6 }): number[] {
  const size = matrix.length
  const powered = matrix.map(row => row.map(a => a ** beta))
  const sums = powered.map((_, j) => powered.reduce((sum, row) => sum + row[j]!, 0))
  let steps = powered.map(row => row.map((a, j) => a / sums[j]!))
  const product = (a: number[][], b: number[][]): number[][] =>
    a.map(row => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)))
  for (let i = 0; i < logt; i++) steps = product(steps, steps)
  return Array.from({ length: size }, (_, j) =>
    scores.reduce((sum, score, i) => sum + score * steps[i]![j]!, 0),
  )
}

describe('pairs', () => {
  test('radius 5 has 34 offsets, of which radius 3 has the inner ones', () => {
    expect(pairOffsets(5)).toHaveLength(34)
    expect(pairOffsets(5).slice(0, 5)).toEqual([
      { dy: 0, dx: 1 },
      { dy: 0, dx: 2 },
      { dy: 0, dx: 3 },
      { dy: 0, dx: 4 },
      { dy: 1, dx: -4 },
    ])
    expect(pairOffsets(3).every(({ dy, dx }) => dy * dy + dx * dx < 9)).toBe(true)
  })

  test('both ends lie on the map, whatever its size; corrected has every pair once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 14 }), fc.integer({ min: 1, max: 14 }), (rows, columns) => {
        for (const pairs of RULES) {
          let count = 0
          for (const offset of pairOffsets()) {
            const start = pairStarts({ rows, columns }, offset, { pairs })
            if (start.rows * start.columns === 0) continue
            count += start.rows * start.columns
            expect(start.top + start.rows + offset.dy).toBeLessThanOrEqual(rows)
            expect(start.left + offset.dx).toBeGreaterThanOrEqual(0)
            expect(start.left + start.columns + Math.max(0, offset.dx)).toBeLessThanOrEqual(columns)
          }
          const all = Array.from({ length: rows * columns }, (_, i) => i).flatMap(i =>
            Array.from({ length: i }, (_, j) => {
              const [dy, dx] = [
                Math.floor(i / columns) - Math.floor(j / columns),
                (i % columns) - (j % columns),
              ]
              return dy * dy + dx * dx < 25 ? 1 : 0
            }),
          )
          if (pairs === 'corrected') expect(count).toBe(all.reduce<number>((sum, one) => sum + one, 0))
        }
      }),
      { numRuns: 40 },
    )
  })
})

describe('pair affinity', () => {
  test.each(RULES)('%s: values and gradients are those of the formula', pairs => {
    manualSeed(3)
    scope(() => {
      const [rows, columns, channels] = [7, 11, 3]
      const values = ops.rand([2, channels, rows, columns])
      const weights = ops.rand([2, 34, rows, columns])
      const [want, got] = [plainPairAffinity, pairAffinity].map(affinity => {
        const x = values.clone()
        x.requiresGrad = true
        const planes = affinity(x, { pairs })
        backward(planes.mul(weights).sum())
        return { planes: planes.detach().toFloat32Array(), gradient: x.grad!.toFloat32Array() }
      })
      for (const key of ['planes', 'gradient'] as const) {
        const difference = want![key].map((value, i) => Math.abs(value - got![key][i]!))
        expect(Math.max(...difference)).toBeLessThan(1e-5)
      }
      expect(Math.max(...want!.gradient)).toBeGreaterThan(0.05)
      const [plane, y, x] = [12, 1, 5] // one of the second image's pairs by the formula
      const { dy, dx } = pairOffsets()[plane]!
      const at = (row: number, column: number) =>
        values.select(0, 1).select(1, row).select(1, column).toFloat32Array()
      const [from, to] = [at(y, x), at(y + dy, x + dx)]
      const distance = from.reduce((sum, value, i) => sum + Math.abs(value - to[i]!), 0) / channels
      expect(got!.planes[((34 + plane) * rows + y) * columns + x]).toBeCloseTo(Math.exp(-distance), 5)
    })
  })

  test('in bf16 a step is that of fp32 within its precision', () => {
    manualSeed(1)
    const network = affinityNet(resnet38Backbone({ width: 4 })).eval()
    const losses = (['fp32', 'bf16'] as const).map(precision =>
      scope(() => {
        const codes = tensor(new Float32Array(34 * 100).fill(PAIR.different), [1, 34, 10, 10])
        manualSeed(2)
        const images = ops.rand([1, 3, 80, 80])
        const { total } = autocast({ precision }, () =>
          affinityLosses(pairAffinity(network.forward(images), { pairs: 'corrected' }), codes),
        )
        backward(total)
        const gradient = ops.norm(network.parameters().get('b3.conv_branch2a.weight')!.grad!).item()
        for (const parameter of network.parameters().values()) parameter.grad = undefined
        return [total.item(), gradient]
      }),
    )
    for (const i of [0, 1]) expect(losses[1]![i]! / losses[0]![i]!).toBeCloseTo(1, 1)
    network.dispose()
  })

  test('a map too small for any pair has none', () => {
    scope(() => {
      const x = ops.rand([1, 2, 4, 30])
      x.requiresGrad = true
      const affinity = pairAffinity(x)
      expect(affinity.sum().item()).toBe(0)
      backward(affinity.sum())
      expect(Math.max(...x.grad!.toFloat32Array())).toBe(0)
    })
  })
})

describe('labels and losses', () => {
  test('a pair is background, one class, different, or unsure', () => {
    const labels = new Uint8Array(81).fill(255)
    for (const [at, label] of [
      [4, 0],
      [5, 0],
      [6, 2],
      [7, 2],
    ] as const)
      labels[at] = label // row 0 from column 4 on: the only column where published pairs of 9 x 9 start
    const codes = pairLabels(labels, { rows: 9, columns: 9 })
    const right = [0, 1, 2, 3].map(plane => codes[plane * 81 + 4])
    expect(right).toEqual([PAIR.background, PAIR.different, PAIR.different, PAIR.none])
    const corrected = pairLabels(labels, { rows: 9, columns: 9 }, { pairs: 'corrected' })
    expect(corrected[6]).toBe(PAIR.foreground)
    expect(codes[6]).toBe(PAIR.none)
  })

  test('each kind of pair has its own mean', () => {
    scope(() => {
      const affinity = tensor([0.5, 0.25, 0.9, 0.1, 0.7], [1, 5, 1, 1])
      const { background, foreground, different, none } = PAIR
      const codes = tensor([background, background, foreground, different, none], [1, 5, 1, 1])
      const { total, parts } = affinityLosses(affinity, codes.to({ dtype: 'uint8' }))
      const want = {
        'background loss': -(Math.log(0.5) + Math.log(0.25)) / 2,
        'foreground loss': -Math.log(0.9),
        'difference loss': -Math.log(0.9),
      }
      for (const [name, value] of Object.entries(want)) expect(parts[name]!.item()).toBeCloseTo(value, 3)
      const [bg, fg, neg] = Object.values(want) as [number, number, number]
      expect(total.item()).toBeCloseTo(bg / 4 + fg / 4 + neg / 2, 3)
    })
  })
})

describe('random walk', () => {
  const grid = { rows: 7, columns: 12 }
  const area = grid.rows * grid.columns
  const planes = Float32Array.from(
    { length: 34 * area },
    (_, i) => 0.3 + 0.7 * Math.abs(Math.sin(i * 12.9898)),
  )
  const scores = Float32Array.from({ length: 2 * area }, (_, i) => Math.abs(Math.sin(i * 78.233)))

  test.each(RULES)('%s: equals the squared matrix', pairs => {
    for (const options of [
      { beta: 8, logt: 6 },
      { beta: 2, logt: 3 },
      { beta: 1, logt: 0 },
    ]) {
      const got = randomWalk(scores, planes, grid, { ...options, pairs })
      for (const row of [0, 1]) {
        const want = denseWalk(
          [...scores.subarray(row * area, (row + 1) * area)],
          dense(planes, grid, pairs),
          options,
        )
        for (const [i, value] of want.entries()) expect(got[row * area + i]).toBeCloseTo(value, 5)
      }
    }
  })

  test('constant scores stay, and none leaves its range', () => {
    const walked = randomWalk(scores, planes, grid)
    expect(Math.max(...walked)).toBeLessThanOrEqual(Math.max(...scores) + 1e-6)
    expect(Math.min(...walked)).toBeGreaterThanOrEqual(Math.min(...scores) - 1e-6)
    for (const value of randomWalk(new Float32Array(area).fill(0.39), planes, grid))
      expect(value).toBeCloseTo(0.39, 6)
  })

  test('as published the corners below have no pair and keep their score; corrected they do not', () => {
    const [published, corrected] = RULES.map(pairs =>
      randomWalk(scores.subarray(0, area), planes, grid, { pairs }),
    )
    const corner = area - 1
    expect(published![corner]).toBe(scores[corner])
    expect(corrected![corner]).not.toBe(scores[corner])
  })

  test('one row or one column of positions is walked along when corrected, and left alone as published', () => {
    for (const narrow of [
      { rows: 1, columns: 9 },
      { rows: 9, columns: 1 },
    ]) {
      const nine = scores.subarray(0, 9)
      expect(randomWalk(nine, planes.subarray(0, 34 * 9), narrow)).toEqual(nine.slice())
      const walked = randomWalk(nine, planes.subarray(0, 34 * 9), narrow, { pairs: 'corrected' })
      expect(Math.max(...walked) - Math.min(...walked)).toBeLessThan(0.1)
    }
  })

  test('parameters that make no walk are refused', () => {
    const walk = (options: { beta?: number; logt?: number }) => () =>
      randomWalk(scores, planes, grid, options)
    expect(walk({ beta: 0 })).toThrow('random walk (beta): is 0; expected a positive number')
    expect(walk({ beta: Number.NaN })).toThrow('random walk (beta): is NaN; expected a positive number')
    expect(walk({ logt: -1 })).toThrow('random walk (logt): is -1; expected 0 to 20')
    expect(walk({ logt: 1.5 })).toThrow('random walk (logt): is 1.5; expected 0 to 20')
  })
})

describe('maps after the walk', () => {
  const [width, height] = [29, 21]
  const maps = new Map([
    [1, Float32Array.from({ length: width * height }, (_, i) => (i % width) / width)],
    [4, Float32Array.from({ length: width * height }, (_, i) => 1 - Math.floor(i / width) / height)],
  ])
  const grid = { rows: 3, columns: 4 }
  const affinity = new Float32Array(34 * 12).fill(0.8)

  test('are shares of a background of 1: the argmax is that of the original for every constant', () => {
    const affinities = { affinity, grid, stride: 8 }
    const shares = walkedMaps({ width, height, maps }, affinities, { logt: 1, pairs: 'corrected' })
    expect([...shares.keys()]).toEqual([1, 4])
    const scores = walkedScores({ width, height, maps }, affinities, { logt: 1, pairs: 'corrected' })
    scope(() => {
      const fine = ops.upsampleBilinear2d(tensor(scores, [1, 3, 3, 4]), [24, 32], false).toFloat32Array()
      for (const constant of [0.2, 0.39, 0.6])
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++) {
            const [background, first, second] = [0, 1, 2].map(plane => fine[(plane * 24 + y) * 32 + x]!) as [
              number,
              number,
              number,
            ]
            const best = Math.max(shares.get(1)![y * width + x]!, shares.get(4)![y * width + x]!)
            if (Math.abs(best - constant) < 1e-5) continue
            expect(best > constant).toBe(Math.max(first, second) > constant * background)
          }
    })
    for (const map of shares.values()) expect(Math.max(...map)).toBeLessThanOrEqual(1 + 1e-5)
  })

  test('an image one pixel wide', () => {
    const thin = { width: 1, height: 20, maps: new Map([[0, new Float32Array(20).fill(0.5)]]) }
    const affinities = { affinity: affinity.subarray(0, 34 * 3), grid: { rows: 3, columns: 1 }, stride: 8 }
    for (const pairs of RULES) {
      const walked = walkedMaps(thin, affinities, { pairs })
      for (const value of walked.get(0)!) expect(value).toBeCloseTo(0.5, 5)
    }
  })
})

test('AffinityNet: published sizes, its groups, and a step that makes alike what is alike', () => {
  manualSeed(0)
  const network = affinityNet(resnet38Backbone({ width: 4, frozen: ['conv1a', 'b2', 'b2_1', 'b2_2'] }))
  const { head } = network
  expect(Object.fromEntries([...head.parameters()].map(([name, { shape }]) => [name, shape]))).toEqual({
    'f8_3.weight': [64, 32, 1, 1],
    'f8_4.weight': [128, 64, 1, 1],
    'f8_5.weight': [256, 256, 1, 1],
    'f9.weight': [448, 448, 1, 1],
  })
  const groups = affinityGroups(network, { weightDecay: 5e-4, headScale: 10 })
  expect(
    groups.map(({ parameters, weightDecay, lrScale }) => [parameters.size, weightDecay, lrScale]),
  ).toEqual([
    [35, 5e-4, 1],
    [0, 0, 2],
    [4, 5e-4, 10],
    [0, 0, 20],
  ])
  scope(() => {
    const image = ops.rand([1, 3, 75, 90])
    const { affinity, grid, stride } = noGrad(() => imageAffinities(network.eval(), image))
    expect({ grid, stride, length: affinity.length }).toEqual({
      grid: { rows: 10, columns: 12 },
      stride: 8,
      length: 34 * 120,
    })
    const labels = pairLabels(new Uint8Array(120), grid)
    const codes = tensor(Float32Array.from(labels), [1, 34, 10, 12])
    const loss = () => affinityLosses(pairAffinity(network.forward(image)), codes).total
    const before = loss()
    backward(before)
    noGrad(() => {
      for (const { parameters } of groups)
        for (const parameter of parameters.values()) {
          const { grad } = parameter
          if (grad !== undefined) ops.sub_(parameter, grad, { alpha: 1e-3 })
          parameter.grad = undefined
        }
    })
    expect(loss().item()).toBeLessThan(before.item())
  })
  network.dispose()
})
