import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { relative, sameDerivatives } from '../../../test/derivatives.ts'
import { LayerNorm, Linear, Residual } from '../../nn/index.ts'
import { backward, manualSeed, noGrad, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import { Attention, attentionRows, blocks, Mlp, resamplePositions, VisionTransformer } from './index.ts'
import { normLinear } from './norm-linear.ts'

const sizes = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  length: fc.integer({ min: 1, max: 9 }),
  heads: fc.integer({ min: 1, max: 3 }),
  headDim: fc.integer({ min: 2, max: 5 }),
})

function drawn({ seed, ...sizes }: { embedDim: number; heads: number; seed: number }): Attention {
  manualSeed(seed)
  const attention = new Attention(sizes)
  for (const parameter of attention.parameters().values())
    noGrad(() => ops.normal_(parameter, { std: sizes.embedDim ** -0.5 }))
  return attention
}

describe('derivatives by hand are those of autograd:', () => {
  test('attention', () => {
    fc.assert(
      fc.property(sizes, ({ batch, length, heads, headDim }) =>
        scope(() => {
          const embedDim = heads * headDim
          const attention = drawn({ embedDim, heads, seed: length })
          const x = ops.randn([batch, length, embedDim])
          sameDerivatives(
            {
              lean: input => attention.forward(input).tokens,
              plain: input => attention.forward(input, { withWeights: true }).tokens,
            },
            attention.parameters(),
            x,
          )
          attention.dispose()
        }),
      ),
      { numRuns: 12 },
    )
  })

  test('attention and the mean of its first rows over the heads', () => {
    fc.assert(
      fc.property(sizes, ({ batch, length, heads, headDim }) =>
        scope(() => {
          const embedDim = heads * headDim
          const attention = drawn({ embedDim, heads, seed: length })
          const meanRows = Math.ceil(length / 2)
          const both = (tokens: Tensor, mean: Tensor): Tensor =>
            ops.cat([tokens.to({ dtype: 'float32' }).reshape(-1), mean.reshape(-1)])
          sameDerivatives(
            {
              lean: input => {
                const { tokens, mean } = attention.forward(input, { meanRows })
                expect(mean!.shape).toEqual([batch, meanRows, length])
                return both(tokens, mean!)
              },
              plain: input => {
                const { tokens, weights } = attention.forward(input, { withWeights: true })
                return both(tokens, weights!.to({ dtype: 'float32' }).mean(1).narrow(1, 0, meanRows))
              },
            },
            attention.parameters(),
            ops.randn([batch, length, embedDim]),
          )
          const unrecorded = noGrad(() => attention.forward(ops.ones([1, length, embedDim]), { meanRows }))
          expect(unrecorded.mean!.sum().item()).toBeCloseTo(meanRows, 4) // rows of a softmax
          attention.dispose()
        }),
      ),
      { numRuns: 12 },
    )
  })

  test('a loss of the mean alone reaches queries and keys, and no value', () => {
    scope(() => {
      const attention = new Attention({ embedDim: 4, heads: 2 })
      const { mean } = attention.forward(ops.randn([1, 3, 4]), { meanRows: 1 })
      backward(mean!.select(-1, 0).sum())
      const reached = attention.qkv.weight.grad!.toFloat32Array()
      expect([...reached.subarray(0, 32)].some(Boolean)).toBe(true)
      expect([...reached.subarray(32)].some(Boolean)).toBe(false)
      attention.dispose()
    })
  })

  test('feed-forward', () => {
    fc.assert(
      fc.property(sizes, ({ batch, length, heads: mlpRatio, headDim: embedDim }) =>
        scope(() => {
          manualSeed(length)
          const mlp = new Mlp({ embedDim, mlpRatio })
          for (const parameter of mlp.parameters().values())
            noGrad(() => ops.normal_(parameter, { std: embedDim ** -0.5 }))
          const x = ops.randn([batch, length, embedDim])
          const plain = (input: Tensor): Tensor => mlp.fc2.forward(ops.gelu(mlp.fc1.forward(input)))
          sameDerivatives({ lean: input => mlp.forward(input), plain }, mlp.parameters(), x)
          mlp.dispose()
        }),
      ),
      { numRuns: 12 },
    )
  })

  test('a frozen block gives its input the same gradient, and its weights none', () => {
    scope(() => {
      manualSeed(3)
      const [block] = blocks({ embedDim: 12, heads: 3, mlpRatio: 2, depth: 1, dropPath: 0 })
      for (const parameter of block!.parameters().values()) noGrad(() => ops.normal_(parameter, { std: 0.3 }))
      const gradients = [false, true].map(frozen => {
        if (frozen) block!.freeze()
        const x = tensor(
          Float32Array.from({ length: 60 }, (_, i) => Math.cos(i)),
          [1, 5, 12],
        )
        x.requiresGrad = true
        for (const parameter of block!.parameters().values()) parameter.grad = undefined
        backward(block!.forward(x).tokens.mul(x.detach()).sum())
        return x.grad!
      })
      expect(relative(gradients[1]!, gradients[0]!)).toBe(0)
      expect([...block!.parameters().values()].filter(({ grad }) => grad !== undefined)).toEqual([])
      block!.dispose()
    })
  })

  test('layer norm and the linear layer after it', () => {
    fc.assert(
      fc.property(sizes, ({ batch, length, heads: outFeatures, headDim: features }) =>
        scope(() => {
          manualSeed(length)
          const layers = [
            new LayerNorm({ features }),
            new Linear({ inFeatures: features, outFeatures }),
          ] as const
          const [norm, linear] = layers
          for (const layer of layers)
            for (const parameter of layer.parameters().values()) noGrad(() => ops.normal_(parameter))
          const parameters = new Map(
            layers.flatMap((layer, i) =>
              [...layer.parameters()].map(([name, parameter]) => [`${i}.${name}`, parameter] as const),
            ),
          )
          const plain = (input: Tensor): Tensor => linear.forward(norm.forward(input))
          const x = ops.randn([batch, length, features])
          sameDerivatives({ lean: input => normLinear(input, norm, linear), plain }, parameters, x)
          for (const layer of layers) layer.dispose()
        }),
      ),
      { numRuns: 12 },
    )
  })

  test('residual with drop-path', () => {
    scope(() => {
      const residual = new Residual({ rate: 0.5 })
      const x = ops.randn([16, 3, 4])
      const branch = ops.randn([16, 3, 4])
      const plain = (input: Tensor): Tensor =>
        input.add(input.mul(branch).mul(ops.floor(ops.rand([16, 1, 1]).add(0.5)).div(0.5)))
      sameDerivatives({ lean: input => residual.forward(input, input.mul(branch)), plain }, new Map(), x)
    })
  })
})

test('positions of the trained grid come back, and of any other have its size', () => {
  fc.assert(
    fc.property(
      fc.record({
        side: fc.integer({ min: 1, max: 6 }),
        rows: fc.integer({ min: 1, max: 9 }),
        columns: fc.integer({ min: 1, max: 9 }),
        width: fc.integer({ min: 1, max: 4 }),
      }),
      ({ side, rows, columns, width }) =>
        scope(() => {
          const positions = ops.randn([1, side * side, width])
          const same = resamplePositions(positions, { rows: side, columns: side, fudge: 0 })
          expect(relative(same, positions)).toBeLessThan(1e-6)
          expect(resamplePositions(positions, { rows, columns, fudge: 0.1 }).shape).toEqual([
            1,
            rows * columns,
            width,
          ])
        }),
    ),
    { numRuns: 30 },
  )
})

test('stochastic depth grows linearly, and the first block never drops', () => {
  const made = blocks({ embedDim: 4, heads: 1, mlpRatio: 1, dropPath: 0.2, depth: 3 })
  expect(made.map(({ residual }) => residual.rate)).toEqual([0, 0.1, 0.2])
  const [only] = blocks({ embedDim: 4, heads: 1, mlpRatio: 1, dropPath: 0.2, depth: 1 })
  expect(only!.residual.rate).toBe(0)
  for (const block of [...made, only!]) block.dispose()
})

test('a reader sees the attention of every way to compute it, and can make it again from queries and keys', () => {
  scope(() => {
    manualSeed(3)
    const attention = new Attention({ embedDim: 6, heads: 2 })
    for (const parameter of attention.parameters().values()) noGrad(() => ops.normal_(parameter))
    const x = ops.randn([2, 5, 6])
    const seen: Float32Array[] = []
    const options = {
      read: ({ weights, queries, keys }: { weights: Tensor; queries: Tensor; keys: Tensor }) => {
        seen.push(weights.toFloat32Array())
        const again = attentionRows(queries.reshape(4, 5, 3), keys.reshape(4, 5, 3)).reshape(2, 2, 5, 5)
        expect(relative(again, weights)).toBeLessThan(1e-6)
        expect(
          weights
            .sum(-1)
            .toFloat32Array()
            .every(sum => Math.abs(sum - 1) < 1e-5),
        ).toBe(true)
      },
    }
    const { weights } = attention.forward(x, { ...options, withWeights: true }) // recorded, in plain operators
    attention.forward(x, options) // recorded
    noGrad(() => attention.forward(x, options)) // in place
    for (const values of seen) {
      const got = tensor(values, [2, 2, 5, 5])
      expect(relative(got, weights!)).toBeLessThan(1e-6)
    }
    expect(seen).toHaveLength(3)
    attention.dispose()
  })
})

test('a visitor of a vision transformer sees every block, and changes nothing', () => {
  scope(() => {
    const sizes = { embedDim: 12, depth: 3, heads: 2, patchSize: 4, mlpRatio: 2, dropPath: 0 }
    const network = new VisionTransformer({ ...sizes, imageSize: 16 })
    const images = ops.randn([2, 3, 16, 12])
    const seen: string[] = []
    const [visited] = network.tokens(images, [3], {
      attention: ({ weights }, layer) => void seen.push(`attention ${layer} ${weights.shape}`),
      branch: ({ shape }, layer) => void seen.push(`branch ${layer} ${shape}`),
      output: ({ shape }, layer) => void seen.push(`output ${layer} ${shape}`),
    })
    expect(seen).toEqual(
      [0, 1, 2].flatMap(i => [`attention ${i} 2,2,13,13`, `branch ${i} 2,13,12`, `output ${i} 2,13,12`]),
    )
    // where nobody reads the weights, an operator that keeps none of them
    expect(relative(visited!, network.tokens(images, [3])[0]!)).toBeLessThan(1e-6)
    network.dispose()
  })
})
