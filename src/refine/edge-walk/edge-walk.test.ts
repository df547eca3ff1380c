import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { RgbImage } from '../../io/image.ts'
import { vitBackbone } from '../../models/dense-backbone.ts'
import { backward, manualSeed, memory, ops, scope, tensor } from '../../torch/index.ts'
import { affinityLosses, type PairRule, pairLabels, pairOffsets, pairStarts } from '../affinity/index.ts'
import {
  EdgeNet,
  edgeBackboneOf,
  edgeGroups,
  edgeLosses,
  edgeWalk,
  edgeWalkedMaps,
  imageEdges,
  pathAffinity,
  pathPositions,
  pathSteps,
  resnet50Backbone,
  thresholdLabels,
} from './index.ts'

const RULES: readonly PairRule[] = ['published', 'corrected']
const made: { dispose(): void }[] = []
afterEach(() => {
  for (const network of made.splice(0)) network.dispose()
})

function edgeNet(): EdgeNet {
  const network = new EdgeNet(resnet50Backbone({ blocks: [1, 1, 1, 1], width: 8 }))
  made.push(network)
  return network
}

const vitSizes = {
  embedDim: 16,
  depth: 3,
  heads: 2,
  patchSize: 8,
  mlpRatio: 2,
  dropPath: 0,
  imageSize: 32,
} as const

/** 1 - the largest edge of each pair's path, by its definition. */
function slowAffinity(
  edges: Float32Array,
  { rows, columns, radius, pairs }: { rows: number; columns: number; radius: number; pairs: PairRule },
): Float32Array {
  const planes = new Float32Array(pairOffsets(radius).length * rows * columns)
  for (const [plane, offset] of pairOffsets(radius).entries()) {
    const start = pairStarts({ rows, columns }, offset, { radius, pairs })
    for (let y = start.top; y < start.top + start.rows; y++)
      for (let x = start.left; x < start.left + start.columns; x++) {
        const values = pathPositions(offset).map(({ dy, dx }) => edges[(y + dy) * columns + x + dx]!)
        planes[(plane * rows + y) * columns + x] = Math.fround(1 - Math.max(...values))
      }
  }
  return planes
}

describe('paths', () => {
  test('of radius 10 there are 152; the part at both ends and the rest are the path, in few maps', () => {
    for (const [radius, offsets, maps] of [
      [10, 152, 384],
      [5, 34, 68],
    ] as const) {
      const steps = pathSteps(radius)
      expect(steps).toHaveLength(offsets)
      const known = new Set<number>()
      let read = 0
      for (const { plane, offset, part, rest } of steps) {
        const built = new Set(rest.map(position => JSON.stringify(position)))
        if (part !== undefined) {
          expect(known).toContain(part.plane)
          for (const { dy, dx } of pathPositions(pairOffsets(radius)[part.plane]!))
            for (const shift of [{ dy: 0, dx: 0 }, part.shift])
              built.add(JSON.stringify({ dy: dy + shift.dy, dx: dx + shift.dx }))
        }
        expect([...built].sort()).toEqual(
          pathPositions(offset)
            .map(p => JSON.stringify(p))
            .sort(),
        )
        known.add(plane)
        read += rest.length + (part === undefined ? 0 : 2)
      }
      expect(read).toBe(maps)
    }
  })
})

describe('path affinity', () => {
  test.each(RULES)('%s: is 1 - the strongest edge between the ends, on maps of any size', pairs => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 13 }),
        fc.integer({ min: 1, max: 13 }),
        fc.integer({ min: 2, max: 6 }),
        (rows, columns, radius) =>
          scope(() => {
            const edges = ops.rand([2, 1, rows, columns])
            const got = pathAffinity(edges, { radius, pairs })
            for (const image of [0, 1]) {
              const own = edges.select(0, image).toFloat32Array()
              expect(got.select(0, image).toFloat32Array()).toEqual(
                slowAffinity(own, { rows, columns, radius, pairs }),
              )
            }
          }),
      ),
      { numRuns: 25 },
    )
  })
})

describe('edge losses', () => {
  test.each(RULES)('%s: values and gradient are those of a loss on every pair', pairs => {
    manualSeed(5)
    scope(() => {
      const [rows, columns, radius] = [14, 17, 5]
      const labels = Uint8Array.from(
        { length: 2 * rows * columns },
        (_, i) => [0, 0, 1, 2, 255][(i * 7) % 5]!,
      )
      const codes = pairLabels(labels, { rows, columns }, { radius, pairs })
      const logits = ops.randn([2, 1, rows, columns])
      const places = pairOffsets(radius).map(offset => {
        const { top, left, ...extent } = pairStarts({ rows, columns }, offset, { radius, pairs })
        return { top, left, ...extent, positions: pathPositions(offset) }
      })
      const [want, got] = ([true, false] as const).map(slow => {
        const x = logits.clone()
        x.requiresGrad = true
        const edges = x.sigmoid()
        const { total, parts } = slow
          ? affinityLosses(plain(), codesTensor())
          : edgeLosses(edges, codes, { radius, pairs })
        backward(total)
        return {
          losses: [total, ...Object.values(parts)].map(loss => loss.item()),
          gradient: x.grad!.toFloat32Array(),
        }

        function codesTensor() {
          return tensor(Float32Array.from(codes), [2, places.length, rows, columns])
        }
        function plain() {
          const planes = places.map(({ top, left, rows: high, columns: wide, positions }) => {
            const along = positions.map(({ dy, dx }) =>
              edges
                .select(1, 0)
                .narrow(1, top + dy, high)
                .narrow(2, left + dx, wide),
            )
            const strongest = ops.amax(ops.stack(along), { dim: [0] })
            const padding = [left, columns - left - wide, top, rows - top - high]
            return ops.constantPadNd(ops.neg(strongest).add(1), padding)
          })
          return ops.stack(planes, { dim: 1 })
        }
      })
      for (const [i, loss] of want!.losses.entries()) expect(got!.losses[i]).toBeCloseTo(loss, 5)
      const highest = Math.max(...want!.gradient.map(Math.abs))
      for (const [i, value] of want!.gradient.entries())
        expect(Math.abs(got!.gradient[i]! - value)).toBeLessThan(2e-5 * highest + 1e-8)
    })
  })

  test('labels that are all ignored give no loss, and a finite gradient', () => {
    scope(() => {
      const edges = ops.rand([1, 1, 8, 8])
      edges.requiresGrad = true
      const { total } = edgeLosses(edges, new Uint8Array(8 * 34 * 8), { radius: 5 })
      backward(total)
      expect(total.item()).toBe(0)
      expect(edges.grad!.abs().max().item()).toBe(0)
    })
  })
})

describe('edge network', () => {
  test('only the head learns, and its backbone stays in eval mode', () => {
    const network = edgeNet().train()
    expect(network.training).toBe(true)
    expect(network.backbone.network.training).toBe(false)
    scope(() => {
      const logits = network.forward(ops.rand([2, 3, 38, 50]))
      expect(logits.shape).toEqual([2, 1, 10, 13])
      backward(logits.sum())
    })
    const moved = [...network.parameters()].filter(([, { grad }]) => grad !== undefined).map(([name]) => name)
    expect(moved).toHaveLength(17)
    expect(moved.every(name => name.startsWith('fc_edge'))).toBe(true)
    const [group] = edgeGroups(network, { weightDecay: 1e-4, lrScale: 1 })
    expect([...group!.parameters.keys()].sort()).toEqual(moved.sort())
  })

  test('a vision transformer of patches of 8 has edges of 4 pixels, from three of its depths', () => {
    const network = new EdgeNet(edgeBackboneOf(vitBackbone({ ...vitSizes, stride: 8 })))
    made.push(network)
    scope(() => expect(network.forward(ops.rand([1, 3, 30, 44])).shape).toEqual([1, 1, 8, 11]))
    expect([...network.head.parameters().keys()]).toContain('fc_edge3.1.bias')
    expect([...network.head.parameters().keys()]).toContain('fc_edge6.weight')
  })

  test('edges of an image and of its flip are flips of each other; padding is as in training', () => {
    manualSeed(6)
    const network = edgeNet().eval()
    scope(() => {
      const image = ops.rand([1, 3, 40, 40])
      const [own, flipped] = [image, image.flip(-1)].map(x => imageEdges(network, x, { side: 40 }))
      expect(own!.shape).toEqual([1, 1, 10, 10])
      expect(own!.sub(flipped!.flip(-1)).abs().max().item()).toBeLessThan(1e-6)
      const filled = imageEdges(network, image, { side: 64 })
      const whole = network.forward(ops.constantPadNd(ops.cat([image, image.flip(-1)]), [0, 24, 0, 24]))
      const [a, b] = [0, 1].map(i => whole.narrow(0, i, 1).narrow(2, 0, 10).narrow(3, 0, 10))
      const want = a!.add(b!.flip(-1)).div(2).sigmoid()
      expect(filled.sub(want).abs().max().item()).toBeLessThan(1e-6)
      expect(filled.sub(own!).abs().max().item()).toBeGreaterThan(1e-5)
    })
  })

  test('a step leaves nothing behind', () => {
    const network = edgeNet().train()
    const codes = new Uint8Array(152 * 24 * 24).fill(3)
    const step = (): void =>
      scope(() =>
        backward(
          edgeLosses(network.forward(ops.rand([1, 3, 96, 96])).sigmoid(), codes, { radius: 10 }).total,
        ),
      )
    step()
    const before = memory().live
    step()
    expect(memory().live).toBe(before)
  })
})

describe('edge walk', () => {
  const grid = { rows: 9, columns: 16 }
  /** Impassable along one column, as a wall between two halves. */
  const wall = Float32Array.from({ length: 9 * 16 }, (_, i) => (i % 16 === 8 ? 1 : 0.02))

  test('does not cross an edge', () => {
    scope(() => {
      const seeds = new Float32Array(9 * 16)
      seeds[4 * 16 + 3] = 1
      const walked = edgeWalk(seeds, tensor(wall, [1, 1, grid.rows, grid.columns]))
      const half = (left: boolean): number =>
        walked.reduce((sum, value, i) => sum + (i % 16 < 8 === left ? value : 0), 0)
      expect(half(false)).toBeLessThan(1e-6)
      expect(half(true)).toBeGreaterThan(0.5)
    })
  })

  test('published: maps are divided by the highest of any, and keep the size of the image', () => {
    const [width, height] = [63, 34]
    const plane = (value: number): Float32Array => new Float32Array(width * height).fill(value)
    const maps = new Map([
      [3, plane(1)],
      [5, plane(0.5)],
    ])
    const walk = (planes: ReadonlyMap<number, Float32Array>, options = {}) =>
      scope(() => {
        const edges = tensor(wall, [1, 1, 9, 16])
        return edgeWalkedMaps({ width, height, maps: planes }, { edges, stride: 4 }, options)
      })
    const walked = walk(maps, { relativeTo: 'highest' })
    expect([...walked.keys()]).toEqual([3, 5])
    expect(walked.get(3)).toHaveLength(width * height)
    expect(Math.max(...walked.get(3)!)).toBeCloseTo(1, 6)
    expect(Math.max(...walked.get(5)!)).toBeCloseTo(0.5, 5)
    const wallColumn = 8 * 4 + 2
    expect(walked.get(3)![wallColumn]).toBeLessThan(0.6) // seeds on edges are lost
    const shares = walk(maps)
    for (const [key, level] of [
      [3, 1],
      [5, 0.5],
    ] as const)
      for (const x of [2, 20, 50]) expect(shares.get(key)![10 * width + x]).toBeCloseTo(level, 4)
    for (const relativeTo of ['highest', 'background'] as const)
      expect(Math.max(...walk(new Map([[0, plane(0)]]), { relativeTo }).get(0)!)).toBe(0)
  })
})

describe('threshold labels', () => {
  test('background only where both agree; 255 between; a class wherever the foreground has it', async () => {
    const [width, height] = [6, 2]
    const image: RgbImage = { width, height, data: new Uint8Array(width * height * 3).fill(90) }
    const row = (labels: readonly number[]) => ({
      width,
      height,
      data: Uint8Array.from([...labels, ...labels]),
    })
    const labels = await thresholdLabels({
      image,
      foreground: row([0, 0, 0, 4, 4, 4]),
      background: row([0, 0, 4, 4, 4, 0]),
      present: [0, 4],
      iterations: 0, // the labels alone
      threads: 1,
    })
    expect([...labels.data.subarray(0, width)]).toEqual([0, 0, 255, 4, 4, 4])
  })
})
