import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { backward, keep, manualSeed, memory, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { type Block, blocks, type LogitFactors, PatchEmbed, runBlocks } from './index.ts'

const [BATCH, LENGTH, WIDTH, HEADS] = [2, 5, 8, 2]
let trunk: Block[]
beforeEach(() => {
  manualSeed(2)
  trunk = blocks({ depth: 3, embedDim: WIDTH, heads: HEADS, mlpRatio: 2, dropPath: 0 })
})
afterEach(() => {
  for (const block of trunk) block.dispose()
})
const values = (x: Tensor): number[] => [...x.toFloat32Array()]
const tokens = (): Tensor => {
  manualSeed(4)
  return ops.randn([BATCH, LENGTH, WIDTH])
}

describe('a visitor', () => {
  test('that only looks changes nothing, and sees what the blocks make one by one', () => {
    scope(() => {
      const start = tokens()
      const seen: number[][] = []
      const end = runBlocks(trunk, start, { output: x => void seen.push(values(x)) })
      const byHand = [start]
      for (const block of trunk) byHand.push(block.forward(byHand.at(-1)!).tokens)
      expect(seen).toEqual(byHand.slice(1).map(values))
      expect(values(end)).toEqual(values(byHand.at(-1)!))
      expect(values(runBlocks([], start))).toEqual(values(start))
    })
  })

  test('puts tokens in the place of others, which then learn through it', () => {
    scope(() => {
      const replacement = tokens().mul(0.5)
      replacement.requiresGrad = true
      const end = runBlocks(trunk, tokens(), {
        output: (x, layer) =>
          layer === 1
            ? ops.cat([replacement.narrow(1, 0, 1), x.narrow(1, 1, LENGTH - 1)], { dim: 1 })
            : undefined,
      })
      expect(values(end)).not.toEqual(values(runBlocks(trunk, tokens())))
      backward(end.mul(end).sum())
      const reached = values(replacement.grad!)
      expect(reached.slice(0, WIDTH).every(Boolean)).toBe(true) // the first token of the first image
      expect(reached.slice(WIDTH, LENGTH * WIDTH).some(Boolean)).toBe(false)
    })
  })

  test('has the attention of chosen layers recorded: a loss of it reaches queries and keys', () => {
    scope(() => {
      const kept: [number, Tensor][] = []
      const end = runBlocks(trunk, tokens(), {
        records: layer => (layer > 0 ? 'weights' : undefined),
        recorded: ({ weights }, layer) => void kept.push([layer, weights!]),
      })
      expect(kept.map(([layer, { shape }]) => [layer, shape])).toEqual([
        [1, [BATCH, HEADS, LENGTH, LENGTH]],
        [2, [BATCH, HEADS, LENGTH, LENGTH]],
      ])
      const plain = runBlocks(trunk, tokens())
      for (const [i, value] of values(end).entries()) expect(value).toBeCloseTo(values(plain)[i]!, 5)
      backward(kept[1]![1].select(-1, 0).sum())
      expect(values(trunk[2]!.attn.qkv.weight.grad!).some(Boolean)).toBe(true)
      expect(trunk[2]!.mlp.fc1.weight.grad).toBeUndefined()
    })
  })

  test('has the mean over the heads of the first rows of chosen layers, and nothing of others', () => {
    scope(() => {
      const kept: [number, Tensor][] = []
      const end = runBlocks(trunk, tokens(), {
        records: layer => (layer === 0 ? undefined : { meanRows: layer }),
        recorded: ({ mean }, layer) => void kept.push([layer, mean!]),
      })
      expect(kept.map(([layer, { shape }]) => [layer, shape])).toEqual([
        [1, [BATCH, 1, LENGTH]],
        [2, [BATCH, 2, LENGTH]],
      ])
      expect(values(end)).toEqual(values(runBlocks(trunk, tokens())))
      backward(kept[0]![1].select(-1, 0).sum())
      expect(values(trunk[1]!.attn.qkv.weight.grad!).some(Boolean)).toBe(true)
      expect(trunk[2]!.attn.qkv.weight.grad).toBeUndefined()
    })
  })

  test('has the factors of the logits: they make the weights, and a loss of them reaches queries and keys', () => {
    scope(() => {
      let factors: LogitFactors | undefined
      let weights: Tensor | undefined
      const end = runBlocks(trunk, tokens(), {
        attention: (state, layer) => {
          if (layer === 2) weights = keep(state.weights.clone())
        },
        records: layer => (layer === 2 ? 'factors' : undefined),
        recorded: attended => {
          factors = attended.factors
        },
      })
      const { queries, keys, heads } = factors!
      const each = (x: Tensor): Tensor => x.reshape(BATCH, LENGTH, heads, -1).transpose(1, 2)
      const logits = each(queries)
        .matmul(each(keys).transpose(-2, -1))
        .mul((WIDTH / HEADS) ** -0.5)
      const got = values(logits.softmax(-1))
      for (const [i, value] of values(weights!).entries()) expect(got[i]).toBeCloseTo(value, 5)
      weights!.dispose()
      const unread = values(runBlocks(trunk, tokens())) // in an operator that keeps no weights
      for (const [i, value] of values(end).entries()) expect(value).toBeCloseTo(unread[i]!, 5)
      backward(logits.select(-1, 0).sum())
      expect(
        values(trunk[2]!.attn.qkv.weight.grad!)
          .slice(0, 2 * WIDTH * WIDTH)
          .some(Boolean),
      ).toBe(true)
      expect(
        values(trunk[2]!.attn.qkv.weight.grad!)
          .slice(2 * WIDTH * WIDTH)
          .some(Boolean),
      ).toBe(false)
    })
  })

  test.for([true, false])('leaves nothing behind, recording %s', recording => {
    const before = memory().live
    scope(() => {
      const run = (): void => {
        const start = tokens()
        const inside = memory().live
        const end = runBlocks(trunk, start, {
          attention: () => undefined,
          output: x => (recording ? x.mul(2) : undefined),
        })
        expect(end.shape).toEqual([BATCH, LENGTH, WIDTH])
        if (!recording) expect(memory().live - inside).toBe(1) // tokens of earlier blocks are gone
      }
      if (recording) run()
      else noGrad(run)
    })
    expect(memory().live).toBe(before)
  })
})

test('patches of images that need a gradient are those of images that need none', () => {
  scope(() => {
    manualSeed(2)
    const embed = new PatchEmbed({ embedDim: 6, patchSize: 4 })
    const images = ops.randn([2, 3, 9, 14])
    const plain = embed.forward(images)
    images.requiresGrad = true
    const product = embed.forward(images)
    expect(product.shape).toEqual(plain.shape)
    const wanted = [...plain.toFloat32Array()].map(value => expect.closeTo(value, 4))
    expect([...product.toFloat32Array()]).toEqual(wanted)
    backward(product.sum())
    expect(images.grad!.select(2, 8).abs().sum().item()).toBe(0) // the remainder is ignored
    embed.dispose()
  })
})
