import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSafetensors, writeSafetensors } from '../../io/safetensors.ts'
import { StateDictError } from '../../nn/index.ts'
import { backward, manualSeed, memory, noGrad, ops, scope, tensor } from '../../torch/index.ts'
import { multiScaleCams } from '../multi-scale.ts'
import { mctformerLosses } from './losses.ts'
import { mctformerCams } from './maps.ts'
import { Mctformer, type MctformerOptions, type Variant } from './model.ts'

const VARIANTS = ['v1', 'v2', 'plus'] as const satisfies readonly Variant[]

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-mctformer-'))
})
afterAll(() => rm(folder, { recursive: true }))

const shapes = fc.record({
  numClasses: fc.integer({ min: 1, max: 7 }),
  patchSize: fc.integer({ min: 2, max: 6 }),
  depth: fc.integer({ min: 1, max: 3 }),
  heads: fc.integer({ min: 1, max: 3 }),
  batch: fc.integer({ min: 1, max: 3 }),
  side: fc.integer({ min: 1, max: 4 }),
  /** Pixels beyond the training crop, down and across. */
  extra: fc.tuple(fc.integer({ min: 0, max: 11 }), fc.integer({ min: 0, max: 11 })),
})
type Shapes = typeof shapes extends fc.Arbitrary<infer T> ? T : never

function build(
  variant: Variant,
  { numClasses, patchSize, depth, heads, side }: Omit<Shapes, 'batch' | 'extra'>,
) {
  const options: MctformerOptions = {
    variant,
    numClasses,
    patchSize,
    depth,
    heads,
    imageSize: side * patchSize,
    embedDim: 4 * heads,
    mlpRatio: 2,
    dropPath: 0.5,
    baseImageSize: 3 * patchSize,
  }
  return new Mctformer(options)
}

/** Parameters that every checkpoint carries and no forward reads. */
const UNUSED: Readonly<Record<Variant, readonly string[]>> = {
  v1: ['norm.weight', 'norm.bias', 'head.weight', 'head.bias'],
  v2: ['norm.weight', 'norm.bias'],
  plus: ['pos_embed', 'norm.weight', 'norm.bias'],
}

describe.for(VARIANTS)('MCTformer %s, of any size', variant => {
  test('has outputs of the right shapes and a gradient wherever it should', () => {
    fc.assert(
      fc.property(shapes, ({ batch, extra, ...sizes }) => {
        const before = memory().live
        const network = build(variant, sizes)
        scope(() => {
          const { numClasses, patchSize, depth, heads, side } = sizes
          const [height, width] = [side * patchSize + extra[0], side * patchSize + extra[1]]
          const [rows, columns] = [Math.floor(height / patchSize), Math.floor(width / patchSize)]
          const output = network.train().forward(ops.randn([batch, 3, height, width]))
          expect(output.grid).toEqual({ rows, columns })
          expect(output.classLogits.shape).toEqual([batch, numClasses])
          expect(output.patchLogits?.shape).toEqual(variant === 'v1' ? undefined : [batch, numClasses])
          expect(output.patchMaps?.shape).toEqual(
            variant === 'v1' ? undefined : [batch, numClasses, rows, columns],
          )
          expect(output.classTokens.map(({ shape }) => shape)).toEqual(
            Array(variant === 'plus' ? depth : 0).fill([batch, numClasses, 4 * heads]),
          )
          const targets = Float32Array.from({ length: batch * numClasses }, (_, i) => (i + 1) % 2)
          backward(mctformerLosses(output, tensor(targets, [batch, numClasses])).total)
          const without = []
          for (const [name, { grad }] of network.parameters()) {
            if (grad === undefined) without.push(name)
            else expect(grad.toFloat32Array().every(Number.isFinite), name).toBe(true)
          }
          expect(without.sort()).toEqual([...UNUSED[variant]].sort())
          for (const parameter of network.parameters().values()) parameter.grad = undefined
        })
        network.dispose()
        expect(memory().live).toBe(before)
      }),
      { numRuns: 15 },
    )
  })

  test('gives the same in eval mode again, also when saved and loaded', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async ({ batch, extra, ...sizes }) => {
        const path = join(folder, `${variant}.safetensors`)
        const [first, second] = [build(variant, sizes), build(variant, sizes)]
        const pixels = sizes.side * sizes.patchSize
        const images = ops.randn([batch, 3, pixels + extra[0], pixels + extra[1]])
        const values = (network: Mctformer): Float32Array[] =>
          noGrad(() =>
            scope(() => {
              const { classLogits, patchLogits, patchMaps } = network.eval().forward(images)
              return [classLogits, patchLogits, patchMaps].flatMap(each => each?.toFloat32Array() ?? [])
            }),
          )
        const expected = values(first)
        expect(values(first)).toEqual(expected)
        expect(values(second)).not.toEqual(expected)
        const state = [...first.stateDict()].map(([name, value]) => [name, value.toData()] as const)
        await writeSafetensors(path, new Map(state))
        second.loadStateDict((await readSafetensors(path)).tensors)
        expect(values(second)).toEqual(expected)
        for (const network of [first, second]) network.dispose()
        images.dispose()
      }),
      { numRuns: 8 },
    )
  })

  test('maps are of the patch grid, and of the image once joined', () => {
    fc.assert(
      fc.property(shapes, fc.boolean(), ({ batch, extra, ...sizes }, refine) => {
        const before = memory().live
        const network = build(variant, sizes).eval()
        scope(() => {
          const { numClasses, patchSize, side, depth } = sizes
          const [height, width] = [side * patchSize + extra[0], side * patchSize + extra[1]]
          const images = ops.randn([batch, 3, height, width])
          const [rows, columns] = [Math.floor(height / patchSize), Math.floor(width / patchSize)]
          for (const attention of ['fused', 'mct', 'patchcam'] as const) {
            const { maps, logits, affinity } = noGrad(() =>
              mctformerCams(network, images, { attention, layers: depth, refine, withAffinity: true }),
            )
            expect(maps.shape).toEqual([batch, numClasses, rows, columns])
            expect(logits.shape).toEqual([batch, numClasses])
            expect(affinity?.shape).toEqual([batch, rows * columns, rows * columns])
            expect(maps.toFloat32Array().every(value => value >= 0)).toBe(true)
          }
          const classes = [numClasses - 1]
          const views = [images.narrow(0, 0, 1), ops.randn([1, 3, height + 5, width + 3])]
          const classMaps = (samples: typeof images) => mctformerCams(network, samples).maps
          const joined = multiScaleCams(classMaps, views, { classes })
          expect(joined.shape).toEqual([1, height, width])
          expect(joined.toFloat32Array().every(value => value >= 0 && value <= 1)).toBe(true)
        })
        network.dispose()
        expect(memory().live).toBe(before)
      }),
      { numRuns: 10 },
    )
  })

  test('says which weights are missing, unexpected or of another shape', () => {
    manualSeed(1)
    const sizes = { numClasses: 2, patchSize: 2, depth: 1, heads: 1, side: 2 }
    const [network, larger] = [build(variant, sizes), build(variant, { ...sizes, numClasses: 3 })]
    const weights = new Map<string, ReturnType<typeof tensor>>(network.stateDict())
    expect(() => larger.loadStateDict(weights)).toThrow(/of another shape: cls_token \[1,2,4\] for \[1,3,4\]/)
    weights.delete('blocks.0.attn.qkv.bias')
    weights.set('blocks.0.attn.qkv_bias', network.clsToken)
    expect(() => network.loadStateDict(weights)).toThrow(StateDictError)
    expect(() => network.loadStateDict(weights)).toThrow(
      /1 missing: blocks\.0\.attn\.qkv\.bias; 1 unexpected: blocks\.0\.attn\.qkv_bias/,
    )
    for (const each of [network, larger]) each.dispose()
  })

  test('refuses an image smaller than a patch', () => {
    const network = build(variant, { numClasses: 2, patchSize: 4, depth: 1, heads: 1, side: 2 })
    scope(() => {
      const images = ops.zeros([1, 3, 8, 3])
      expect(() => network.forward(images)).toThrow(/3 x 8 pixels is smaller than a patch; at least 4 x 4/)
    })
    network.dispose()
  })
})
