import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  autocast,
  backward,
  manualSeed,
  memory,
  noGrad,
  ops,
  scope,
  type Tensor,
  tensor,
} from '../../torch/index.ts'
import { ClassAttention } from './class-attention.ts'
import { type Tokens, Unet, type UnetOptions } from './index.ts'

const shapes = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  numClasses: fc.integer({ min: 1, max: 5 }),
  embedDim: fc.integer({ min: 4, max: 12 }),
  width: fc.constantFrom(8, 24),
  levels: fc.integer({ min: 1, max: 4 }),
  height: fc.integer({ min: 1, max: 70 }),
  columns: fc.integer({ min: 1, max: 70 }),
  grid: fc.record({ rows: fc.integer({ min: 1, max: 5 }), columns: fc.integer({ min: 1, max: 5 }) }),
})

function randomTokens(
  { numClasses, embedDim }: Pick<UnetOptions, 'numClasses' | 'embedDim'>,
  { batch, grid }: { batch: number; grid: Tokens['grid'] },
): Tokens {
  const of = (count: number): Tensor => ops.randn([batch, count, embedDim])
  return { classes: of(numClasses), patches: of(grid.rows * grid.columns), grid }
}

describe('the U-Net', () => {
  test('has evidence for each 4 x 4 pixels of an image of any size, and a gradient in every parameter', () => {
    fc.assert(
      fc.property(shapes, ({ batch, height, columns: width, grid, ...options }) => {
        const before = memory().live
        const network = new Unet({ ...options })
        scope(() => {
          const evidence = network.forward(
            ops.randn([batch, 3, height, width]),
            randomTokens(options, { batch, grid }),
          )
          const [rows, columns] = [Math.ceil(height / 4), Math.ceil(width / 4)]
          expect(evidence.shape).toEqual([batch, options.numClasses, rows, columns])
          const factors = Float32Array.from({ length: evidence.elements }, (_, i) => Math.sin(i + 1))
          backward(evidence.mul(tensor(factors, evidence.shape)).sum())
          for (const [name, parameter] of network.parameters()) {
            expect(parameter.grad?.toFloat32Array().every(Number.isFinite), name).toBe(true)
            parameter.grad = undefined
          }
        })
        network.dispose()
        expect(memory().live).toBe(before)
      }),
      { numRuns: 12 },
    )
  })

  const options = { numClasses: 3, embedDim: 8, width: 16, levels: 3 }

  test('in bfloat16 says much the same', () => {
    scope(() => {
      manualSeed(2)
      const network = new Unet(options)
      const images = ops.randn([2, 3, 32, 32])
      const tokens = randomTokens(options, { batch: 2, grid: { rows: 4, columns: 4 } })
      const [full, half] = (['fp32', 'bf16'] as const).map(precision =>
        noGrad(() => autocast({ precision }, () => network.forward(images, tokens))),
      ) as [Tensor, Tensor]
      expect(half.dtype).toBe('float32')
      const off = ops.norm(half.sub(full)).item() / ops.norm(full).item()
      expect(off).toBeGreaterThan(0)
      expect(off).toBeLessThan(0.05)
      network.dispose()
    })
  })

  test('sees the image, the class tokens and the patch tokens, each alone', () => {
    scope(() => {
      manualSeed(3)
      const network = new Unet(options)
      const images = ops.randn([1, 3, 32, 32])
      const tokens = randomTokens(options, { batch: 1, grid: { rows: 4, columns: 4 } })
      const other = randomTokens(options, { batch: 1, grid: { rows: 4, columns: 4 } })
      const evidence = (samples: Tensor, given: Tokens): number[] =>
        noGrad(() => [...network.forward(samples, given).toFloat32Array()])
      const first = evidence(images, tokens)
      expect(evidence(images, tokens)).toEqual(first)
      expect(evidence(ops.randn([1, 3, 32, 32]), tokens)).not.toEqual(first)
      expect(evidence(images, { ...tokens, classes: other.classes })).not.toEqual(first)
      expect(evidence(images, { ...tokens, patches: other.patches })).not.toEqual(first)
      network.dispose()
    })
  })

  test('looks at each image of a batch by itself', () => {
    scope(() => {
      manualSeed(4)
      const network = new Unet(options)
      const images = ops.randn([2, 3, 24, 20])
      const tokens = randomTokens(options, { batch: 2, grid: { rows: 3, columns: 2 } })
      const together = noGrad(() => network.forward(images, tokens))
      for (const i of [0, 1]) {
        const alone = noGrad(() =>
          network.forward(images.narrow(0, i, 1), {
            classes: tokens.classes.narrow(0, i, 1),
            patches: tokens.patches.narrow(0, i, 1),
            grid: tokens.grid,
          }),
        )
        expect(ops.norm(alone.sub(together.narrow(0, i, 1))).item()).toBeLessThan(1e-4)
      }
      network.dispose()
    })
  })
})

test('a pixel takes the value of the class whose key it asks for, and of none where none answers', () => {
  scope(() => {
    const attention = new ClassAttention({ width: 2, embedDim: 2, numClasses: 2 })
    noGrad(() => {
      for (const parameter of attention.parameters().values()) ops.zero_(parameter)
      ops.fill_(attention.query.weight.narrow(0, 0, 1).narrow(1, 0, 1), 100) // first channel of the pixel
      ops.fill_(attention.query.bias!.narrow(0, 1, 1), 100)
      ops.fill_(attention.classKey.narrow(0, 0, 1).narrow(1, 0, 1), 100) // class 0 answers it
      ops.fill_(attention.classKey.narrow(1, 1, 1), -100) // and all are far from certain
      ops.fill_(attention.value.weight, 1)
    })
    const pixels = tensor([5, 0, 0, 0], [1, 2, 1, 2]) // two pixels: (5, 0) and (0, 0)
    const classes = tensor([1, 2, 3, 4], [1, 2, 2])
    const { pixels: informed, evidence } = noGrad(() => attention.forward(pixels, classes))
    expect([...informed.toFloat32Array()]).toEqual([8, 0, 3, 0]) // class 0's value is 1 + 2 in both channels
    const [first, second, third, fourth] = evidence.toFloat32Array()
    expect(first).toBeGreaterThan(100)
    for (const score of [second, third, fourth]) expect(score).toBeLessThan(-100)
    attention.dispose()
  })
})
