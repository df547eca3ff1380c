import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { deit } from '../../models/vit/index.ts'
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
import { Caae, type CaaeOptions } from './caae.ts'
import { caaeLosses, withBackground } from './caae-losses.ts'
import { semformerGroups } from './groups.ts'
import { cosineSimilarity, similarityEntropy } from './similarity.ts'

const TINY: CaaeOptions = {
  embedDim: 12,
  depth: 2,
  heads: 3,
  patchSize: 4,
  mlpRatio: 2,
  dropPath: 0,
  imageSize: 16,
  numClasses: 4,
  classDim: 16,
  decoderWidth: 6,
  decoderDepth: 1,
}

let network: Caae
function build(options: Partial<CaaeOptions> = {}): Caae {
  manualSeed(1)
  network = new Caae({ ...TINY, ...options })
  return network
}
afterEach(() => network.dispose())

const values = (of: Tensor): number[] => [...of.toFloat32Array()]
const noise = (...shape: number[]): Tensor => ops.randn(shape)

test('the state dict is the published one, name by name', async () => {
  const list = new URL('../../../test/parity/names/semformer_caae.txt', import.meta.url)
  const wanted = (await readFile(list, 'utf8')).trim().split('\n')
  network = new Caae({ ...deit['deit-b'], imageSize: 224, numClasses: 21, distilled: 1000 })
  const found = [...network.stateDict()].map(
    ([name, { shape }]) => `${name} (${shape.join(', ')}${shape.length === 1 ? ',' : ''})`,
  )
  expect(found).toEqual(wanted)
})

test('every parameter is in one group, and those without use have no gradient', () => {
  build({ distilled: 7 })
  const groups = semformerGroups(network, { weightDecay: 0.1 })
  const names = groups.flatMap(({ parameters }) => [...parameters.keys()])
  expect(names.sort()).toEqual([...network.parameters().keys()].sort())
  expect(groups.map(({ weightDecay, lrScale }) => [weightDecay, lrScale])).toEqual([
    [0.1, 1],
    [0, 2],
    [0.1, 10],
    [0, 20],
  ])
  scope(() => {
    const present = withBackground(tensor([1, 0, 0, 0, 1, 1], [2, 3]))
    const { total, parts } = caaeLosses(network, { images: noise(2, 3, 16, 16), present })
    expect(Object.keys(parts)).toEqual(['similarity loss', 'reconstruction loss'])
    backward(total)
    const still = [...network.parameters()].flatMap(([name, { grad }]) => (grad === undefined ? [name] : []))
    expect(still.map(name => name.replace('encoder.vit_backbone.model.', ''))).toEqual([
      'dist_token',
      'head_dist.weight',
      'head_dist.bias',
    ])
  })
})

test.for([true, false])('semantics of absent classes, stopped %s', stopAbsent => {
  build({ stopAbsent })
  scope(() => {
    const present = withBackground(tensor([1, 0, 0], [1, 3]))
    backward(caaeLosses(network, { images: noise(1, 3, 16, 16), present }).total)
    const moved = network.crs[0].weight.grad!.abs().sum(1)
    expect(values(moved).map(Boolean)).toEqual([true, true, !stopAbsent, !stopAbsent])
  })
})

test('without a weight for the reconstruction the decoder does not run', () => {
  build()
  scope(() => {
    const batch = { images: noise(1, 3, 16, 16), present: withBackground(tensor([1, 0, 0], [1, 3])) }
    const { total, parts } = caaeLosses(network, batch, { reconstruction: 0 })
    expect(Object.keys(parts)).toEqual(['similarity loss'])
    backward(total)
    expect(network.parameters().get('decoder.norm.weight')!.grad).toBeUndefined()
    expect(network.convert[0].weight.grad).toBeDefined()
  })
})

test('its losses in bf16 are near those in fp32', () => {
  build()
  scope(() => {
    const batch = {
      images: noise(2, 3, 16, 16),
      present: withBackground(tensor([1, 0, 0, 0, 1, 1], [2, 3])),
    }
    const [fp32, bf16] = (['fp32', 'bf16'] as const).map(precision => {
      const { total } = autocast({ precision }, () => caaeLosses(network, batch))
      backward(total)
      const gradient = values(network.convert[0].weight.grad!)
      for (const parameter of network.parameters().values()) parameter.grad = undefined
      return { total: total.item(), gradient }
    })
    expect(Math.abs(bf16!.total / fp32!.total - 1)).toBeLessThan(0.02)
    const off = Math.hypot(...bf16!.gradient.map((value, i) => value - fp32!.gradient[i]!))
    expect(off / Math.hypot(...fp32!.gradient)).toBeLessThan(0.2)
  })
})

test('the embeddings of some classes are those of all', () => {
  build()
  scope(() =>
    noGrad(() => {
      const images = noise(2, 3, 16, 16)
      const all = network.embeddings(images)
      const some = network.embeddings(images, { classes: [3, 1] })
      for (const [i, index] of [3, 1].entries())
        expect(values(some.select(1, i))).toEqual(
          values(all.select(1, index)).map(value => expect.closeTo(value, 5)),
        )
    }),
  )
})

test('without its decoder it embeds as before, holds less and reconstructs nothing', () => {
  build()
  scope(() =>
    noGrad(() => {
      const images = noise(1, 3, 16, 16)
      const before = { embeddings: values(network.embeddings(images)), live: memory().live }
      network.dropDecoder()
      expect(memory().live).toBeLessThan(before.live)
      expect(values(network.embeddings(images))).toEqual(before.embeddings)
      expect(() => network.forward(images)).toThrow('the decoder of this autoencoder was dropped')
    }),
  )
})

test('patches lie where they were', () => {
  build()
  scope(() =>
    noGrad(() => {
      const { mlp } = network.decoder!
      ops.zero_(mlp.weight)
      ops.copy_(mlp.bias!, ops.arange(0, 48)) // channel, row, column of a patch
      const { reconstruction } = network.forward(noise(1, 3, 16, 16))
      expect(reconstruction.shape).toEqual([1, 3, 16, 16])
      const at = (c: number, y: number, x: number): number =>
        reconstruction.select(1, c).select(1, y).select(1, x).item()
      for (const [c, y, x] of [
        [0, 0, 0],
        [1, 2, 3],
        [2, 9, 14],
      ] as const)
        expect(at(c, y, x)).toBe(16 * c + 4 * (y % 4) + (x % 4))
    }),
  )
})

test('a pass leaves nothing behind', () => {
  build()
  const before = memory().live
  scope(() => {
    const { total } = caaeLosses(network, {
      images: noise(2, 3, 16, 16),
      present: withBackground(tensor([1, 0, 0, 0, 1, 1], [2, 3])),
    })
    backward(total)
  })
  for (const parameter of network.parameters().values()) parameter.grad = undefined
  expect(memory().live).toBe(before)
})

describe('similarity', () => {
  test('nothing is similar to nothing, and an equal vector not wholly', () => {
    build()
    scope(() => {
      const a = noise(3, 5)
      for (const one of values(cosineSimilarity(a, a))) expect(one).toBeCloseTo(1 - 1e-4, 6)
      expect(values(cosineSimilarity(ops.zeros([1, 5]), a))).toEqual([0, 0, 0])
    })
  })

  test('a similarity of 0 costs 100; what it does to the gradient is told', () => {
    build()
    scope(() => {
      const slope = (zero: 'corrected' | 'published-code'): number[] => {
        const x = tensor([0, 0.5], [1, 2])
        x.requiresGrad = true
        const entropy = similarityEntropy(x, tensor([1, 1], [1, 2]), { zero })
        expect(entropy.item()).toBeCloseTo((100 + Math.LN2) / 2, 4)
        backward(entropy)
        return values(x.grad!)
      }
      expect(slope('corrected')).toEqual([0, -1])
      expect(slope('published-code')[0]).toBeCloseTo(-5e11, -8)
    })
  })

  test('entropy of similarities in the open interval is that of autograd', () => {
    build()
    scope(() => {
      const targets = tensor([1, 0, 1, 0], [2, 2])
      const gradients = ['known', 'recorded'].map(way => {
        const x = tensor([0.2, 0.9, 0.7, 0.4], [2, 2])
        x.requiresGrad = true
        const others = targets.neg().add(1)
        const plain = (): Tensor =>
          targets
            .mul(x.log())
            .add(others.mul(x.neg().add(1).log()))
            .mean()
            .neg()
        const entropy = way === 'known' ? similarityEntropy(x, targets) : plain()
        backward(entropy)
        return [entropy.item(), ...values(x.grad!)]
      })
      for (const [i, want] of gradients[1]!.entries()) expect(gradients[0]![i]).toBeCloseTo(want, 5)
    })
  })
})
