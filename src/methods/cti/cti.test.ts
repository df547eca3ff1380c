import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TensorData } from '../../io/tensor-data.ts'
import { deit } from '../../models/vit/index.ts'
import type { Module } from '../../nn/index.ts'
import { adamw } from '../../optim/index.ts'
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
import type { ClassBatch } from '../method.ts'
import { AttentionSums } from './attention-sums.ts'
import { cti } from './definition.ts'
import { buildCti, type CtiSettings } from './index.ts'
import { infuse, type Presence, presences, tokensOfOthers } from './infusion.ts'
import { maxNorm } from './losses.ts'
import { ctiCams } from './maps.ts'
import { ClassMemory } from './memory.ts'
import { Cti } from './model.ts'
import { ctiModelRecipe } from './recipe.ts'
import { ctiLosses, ctiPasses } from './step.ts'

const CLASSES = 3
const SIZES = { imageSize: 8, patchSize: 2, embedDim: 6, depth: 4, heads: 2, mlpRatio: 2, dropPath: 0 }

function tiny(): Cti {
  manualSeed(3)
  const network = new Cti({ ...SIZES, numClasses: CLASSES })
  for (const [name, parameter] of network.parameters())
    if (name.includes('qkv')) noGrad(() => ops.normal_(parameter, { std: 0.5 })) // attention that is not even
  return network
}

const values = (x: Tensor): number[] => [...x.toFloat32Array()]

/** Three images, tagged 0 and 1, 1, and 2. */
function batchOf(): Pick<ClassBatch, 'images' | 'views' | 'targets'> {
  manualSeed(9)
  return {
    images: ops.randn([3, 3, 8, 8]),
    views: [ops.randn([3, 3, 8, 8])],
    targets: tensor([1, 1, 0, 0, 1, 0, 0, 0, 1], [3, CLASSES]),
  }
}

const TAGS: readonly Presence[] = [
  [0, 0],
  [0, 1],
  [1, 1],
  [2, 2],
]

test('the state dict is the published one', async () => {
  const list = new URL('../../../test/parity/names/cti_C20.txt', import.meta.url)
  const wanted = (await readFile(list, 'utf8')).trim().split('\n')
  const network = new Cti({ ...deit['deit-s'], imageSize: 224, numClasses: 20 })
  const found = [...network.stateDict()].map(
    ([name, { shape }]) => `${name} (${shape.join(', ')}${shape.length === 1 ? ',' : ''})`,
  )
  expect(found.sort()).toEqual(wanted.sort())
  expect(network.bgToken.abs().max().item()).toBe(0)
  network.dispose()
})

test('class tokens do not depend on the image, and the background has its own', () => {
  scope(() => {
    const network = tiny()
    const { images } = batchOf()
    const embedded = network.classTokensOf(network.embed(images))
    expect(values(embedded.select(0, 0))).toEqual(values(embedded.select(0, 2)))
    noGrad(() => void ops.fill_(network.bgToken, 1))
    const moved = network.classTokensOf(network.embed(images)).sub(embedded).select(0, 0)
    expect(values(moved.select(0, 0)).every(value => Math.abs(value - 1) < 1e-5)).toBe(true)
    expect(values(moved.narrow(0, 1, CLASSES)).some(Boolean)).toBe(false)
    network.dispose()
  })
})

describe('infusion', () => {
  test('averages class tokens, with or without the background, and no patch', () => {
    scope(() => {
      const tokens = ops.zeros([1, 6, 2])
      const rows = (given: Tensor): number[] => values(infuse(tokens, given, { labels: 4 }).select(-1, 0))
      expect(rows(ops.ones([1, 4, 2]))).toEqual([0.5, 0.5, 0.5, 0.5, 0, 0])
      expect(rows(ops.ones([1, 3, 2]))).toEqual([0, 0.5, 0.5, 0.5, 0, 0])
    })
  })

  test('with its own tokens changes nothing: the passes share their first blocks', () => {
    scope(() => {
      const network = tiny()
      const { images } = batchOf()
      const shared = network.pass(network.embed(images), { to: 2 })
      const own = infuse(shared, network.classTokensOf(shared), { labels: CLASSES + 1 })
      const { patchMaps } = network.outputs(network.pass(own, { from: 2 }), images)
      expect(values(patchMaps)).toEqual(values(network.forward(images).patchMaps))
      network.dispose()
    })
  })

  test('takes the token of the next image with the class, around the end', () => {
    scope(() => {
      const tokens = ops.arange(0, 3 * CLASSES).reshape(3, CLASSES, 1) // 3 image + class
      const tags: Presence[] = [
        [0, 0],
        [0, 1],
        [1, 1],
        [2, 1],
      ]
      expect(values(tokensOfOthers(tokens, tags))).toEqual([0, 4, 2, 3, 7, 5, 6, 1, 8])
      expect(presences(batchOf().targets)).toEqual(TAGS)
    })
  })
})

describe('the class memory', () => {
  test('keeps the last tokens of each class, normalised, oldest first', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.tuple(fc.nat(2), fc.nat(2)), { maxLength: 5 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 4 }),
        (steps, length) =>
          scope(() => {
            manualSeed(1)
            const own = new ClassMemory({ numClasses: CLASSES, length, width: 4 })
            const lists: number[][][] = Array.from({ length: CLASSES }, () => [])
            for (const tags of steps) {
              const tokens = ops.randn([3, CLASSES, 4])
              own.append(tokens, tags)
              const normal = ops.layerNorm(tokens, [4])
              for (const [image, index] of tags)
                lists[index]!.push(values(normal.select(0, image).select(0, index)))
            }
            const kept = lists.map(list => list.slice(-length))
            expect(values(own.counts)).toEqual(kept.map(list => list.length))
            for (const [index, list] of kept.entries()) {
              const mine = own.tokens.select(0, index)
              for (const [i, token] of list.entries()) expect(values(mine.select(0, i))).toEqual(token)
              const mean = list[0]?.map(
                (_, c) => list.reduce((sum, token) => sum + token[c]!, 0) / list.length,
              )
              for (const [c, value] of values(own.means().select(0, index)).entries())
                expect(value).toBeCloseTo(mean?.[c] ?? 0, 5)
            }
            expect(own.filled).toBeCloseTo(kept.filter(list => list.length === length).length / CLASSES)
            for (const one of own.state.values()) one.dispose()
          }),
      ),
      { numRuns: 25 },
    )
  })

  test('holds the cross loss back until every list is full, and says how far it is', () => {
    scope(() => {
      const network = tiny()
      const own = new ClassMemory({ numClasses: CLASSES, length: 2, width: SIZES.embedDim })
      const step = (): Record<string, number> => {
        const { parts } = ctiLosses(network, batchOf(), { infusion: 1, memory: own, at: { epoch: 0 } })
        return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.item()]))
      }
      const [first, second] = [step(), step()]
      expect(first['cross loss']).toBe(0)
      expect(first.memory).toBeCloseTo(1 / 3) // class 1 is in two images
      expect(second['cross loss']).toBeGreaterThan(0)
      expect(second.memory).toBe(1)
      for (const one of own.state.values()) one.dispose()
      network.dispose()
    })
  })
})

test('stretching keeps zero maps zero and reaches nearly 1', () => {
  scope(() => {
    const maps = tensor([-1, 0, 2, 4, 0, 0, 0, 0], [2, 2, 2])
    const stretched = values(maxNorm(maps))
    expect(stretched.slice(0, 3)).toEqual([0, 0, expect.closeTo(0.5, 4)])
    expect(stretched[3]).toBeCloseTo(1, 4)
    expect(stretched.slice(4)).toEqual([0, 0, 0, 0])
  })
})

describe('gradients', () => {
  const at = { epoch: 0 }

  test('of the background loss reach head and attention; the head of the classes only if they are not detached', () => {
    scope(() => {
      const of = (detachCams: boolean) =>
        scope(() => {
          const network = tiny()
          const { parts } = ctiLosses(network, batchOf(), {
            infusion: 1,
            losses: { detachCams, cross: 0 },
            at,
          })
          backward(parts['background loss']!)
          const bias = values(network.head.bias!.grad!)
          const queries = network.blocks[3]!.attn.qkv.bias!.grad!.abs().max().item()
          network.dispose()
          return { bias, queries }
        })
      const [joint, detached] = [of(false), of(true)]
      expect(joint.bias.every(value => value !== 0)).toBe(true)
      expect(detached.bias[0]).not.toBe(0)
      expect(detached.bias.slice(1)).toEqual([0, 0, 0])
      expect(detached.queries).toBeGreaterThan(0)
    })
  })

  test('of the intra loss reach the tokens of the second view', () => {
    scope(() => {
      const network = tiny()
      const { images, targets, views } = batchOf()
      views[0]!.requiresGrad = true
      const batch = { images, targets, views }
      const { parts } = ctiLosses(network, batch, { infusion: 1, losses: { cross: 0 }, at })
      backward(parts['intra loss']!)
      expect(views[0]!.grad!.abs().max().item()).toBeGreaterThan(0)
      network.dispose()
    })
  })

  test('do not pass from an image to those whose tokens it takes, and do to its own second view', () => {
    scope(() => {
      const network = tiny()
      const passes = ctiPasses(network, batchOf(), {
        infusion: 1,
        background: false,
        intra: true,
        others: own => tokensOfOthers(own, TAGS),
      })
      expect(passes.cross!.given.requiresGrad).toBe(false)
      expect(passes.secondTokens.requiresGrad).toBe(true)
      expect(passes.plain.sums).toBeUndefined() // no attention is summed for no loss
      network.dispose()
    })
  })

  test('of the last norm and the old positions: none, as published', () => {
    scope(() => {
      const network = tiny()
      backward(ctiLosses(network, batchOf(), { infusion: 1, at }).total)
      const without = [...network.parameters()].filter(([, { grad }]) => grad === undefined)
      expect(without.map(([name]) => name)).toEqual(['pos_embed', 'norm.weight', 'norm.bias'])
      network.dispose()
    })
  })
})

test('before their first epoch, and with weights of 0, there is the class loss alone', () => {
  scope(() => {
    const network = tiny()
    const parts = (losses: object): string[] =>
      Object.keys(ctiLosses(network, batchOf(), { infusion: 1, losses, at: { epoch: 1 } }).parts)
    expect(parts({ start: 2 })).toEqual(['class loss'])
    expect(parts({ background: 0, intra: 0, cross: 0 })).toEqual(['class loss'])
    expect(parts({ start: 1 })).toEqual(['class loss', 'background loss', 'intra loss', 'cross loss'])
    network.dispose()
  })
})

test('sums of attention are those of the layers asked for', () => {
  scope(() => {
    const network = tiny()
    const { images } = batchOf()
    const sums = new AttentionSums(CLASSES + 1, { classes: 2, patches: 3 })
    network.forward(images, { sums })
    expect(sums.classes.shape).toEqual([3, CLASSES + 1, 16])
    expect(sums.patches.shape).toEqual([3, 16, 16])
    expect(sums.classes.sum(-1).max().item()).toBeLessThan(2) // rows of two softmaxes, less the classes
    expect(sums.classes.sum(-1).max().item()).toBeGreaterThan(1)
    expect(sums.patches.sum(-1).max().item()).toBeLessThan(1)
    network.dispose()
  })
})

const model = ctiModelRecipe.parse({
  width: { embedDim: 8, depth: 4, heads: 2 },
  imageSize: 8,
  patchSize: 2,
  dropPath: 0,
})

function build(settings: Partial<CtiSettings> = {}) {
  manualSeed(5)
  const own = { infusion: 1, cross: { tokens: 'memory', length: 1 } as const }
  return buildCti({ model, numClasses: CLASSES, ...own, ...settings })
}

describe('as a method', () => {
  test('a step trains every parameter that takes part, and leaks nothing', () => {
    const method = build()
    const groups = method.parameterGroups({ weightDecay: 0.1, decays: 'weights' })
    expect(groups.map(({ parameters }) => parameters.has('bg_token'))).toEqual([false, true])
    const optimiser = adamw(groups, {})
    const step = (): void =>
      scope(() => {
        const { total } = method.losses({ ...batchOf(), boxes: [] }, { epoch: 0, step: 0 })
        backward(total)
        optimiser.step(0.01)
        optimiser.zeroGrad()
      })
    step()
    const { live } = memory()
    step()
    expect(memory().live).toBe(live)
    const inference = (): Tensor =>
      noGrad(() => method.imageCams([{ views: [ops.randn([1, 3, 8, 10])], classes: [0, 2] }])[0]!)
    scope(() => {
      method.network.eval()
      expect(inference().shape).toEqual([2, 8, 10])
    })
    expect(memory().live).toBe(live)
    optimiser.dispose()
    method.network.dispose()
    for (const one of method.memory!.values()) one.dispose()
  })

  test('a step in bf16 has nearly the losses of one in fp32', () => {
    scope(() => {
      const network = tiny()
      const step = (precision: 'fp32' | 'bf16'): Record<string, number> => {
        const own = { infusion: 1, at: { epoch: 0 } }
        const { parts } = autocast({ precision }, () => ctiLosses(network, batchOf(), own))
        return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.item()]))
      }
      const [low, full] = [step('bf16'), step('fp32')]
      expect(Object.keys(low)).toEqual(['class loss', 'background loss', 'intra loss', 'cross loss'])
      for (const [name, value] of Object.entries(full)) {
        expect(value, name).toBeGreaterThan(0)
        expect(Math.abs(low[name]! - value), name).toBeLessThan(0.1 * value + 0.01)
      }
      network.dispose()
    })
  })

  test('says that the cross loss never counted', () => {
    const method = build({ cross: { tokens: 'memory', length: 2 } })
    expect(method.warnings!()).toEqual([]) // there was no step
    const [tokens, counts] = [...method.memory!.values()]
    expect(method.warnings!()).toEqual([
      expect.stringMatching(
        /^the cross loss was never used: it needs 2 tokens of each class .*, and 3 of 3 classes/,
      ),
    ])
    noGrad(() => ops.fill_(counts!, 2))
    expect(method.warnings!()).toEqual([])
    for (const one of [tokens, counts]) one!.dispose()
    method.network.dispose()
  })

  test('has a memory only where the cross loss takes its tokens from one', () => {
    const shapes = (settings: Partial<CtiSettings>): unknown => {
      const { live } = memory()
      const method = build(settings)
      expect(memory().live - live).toBe(method.network.stateDict().size) // it is made when asked for
      const { memory: own, network } = method
      const found = own && Object.fromEntries([...own].map(([name, { shape }]) => [name, shape]))
      for (const one of own?.values() ?? []) one.dispose()
      network.dispose()
      return found
    }
    expect(shapes({})).toEqual({ class_tokens: [CLASSES, 1, 8], class_counts: [CLASSES] })
    expect(shapes({ cross: { tokens: 'images', length: 1 } })).toBeUndefined()
    expect(shapes({ losses: { cross: 0 } })).toBeUndefined()
  })

  test('starts from a DeiT, and from itself; not from networks of other classes', () => {
    const weightsOf = (network: Module): Map<string, TensorData> =>
      new Map([...network.stateDict()].map(([name, value]) => [name, value.toData()]))
    const [from, to] = [build(), build()]
    const own = weightsOf(from.network)
    const file = 'best.safetensors'
    noGrad(() => scope(() => void ops.add_(to.network.stateDict().get('bg_token')!, ops.ones([1]))))
    expect(to.loadPretrained(own, { file })).toEqual({ missing: [], unexpected: [] })
    expect(weightsOf(to.network)).toEqual(own)

    const named = /^(bg_token|pos_embed_.*|head\..*|tokenizer\..*)$/
    const deit = new Map([...own].filter(([name]) => !named.test(name)))
    expect(to.loadPretrained(deit, { file })).toEqual({
      missing: [
        'bg_token',
        'head.weight',
        'head.bias',
        ...[0, 2].flatMap(i => [`tokenizer.${i}.weight`, `tokenizer.${i}.bias`]),
      ],
      unexpected: [],
    })
    const [positions, patches] = ['pos_embed', 'pos_embed_pat'].map(name => [
      ...to.network.stateDict().get(name)!.toFloat32Array(),
    ])
    expect(patches).toEqual(positions!.slice(8))

    const wide = buildCti({ model, numClasses: CLASSES + 1 })
    expect(() => wide.loadPretrained(own, { file })).toThrow(
      'best.safetensors (pos_embed_cls): 4 class tokens for a network of 5 classes; weights of the same classes, or of a DeiT (one class token)',
    )
    for (const { network } of [from, to, wide]) network.dispose()
  })

  test('a class wins over the background above 0.5, whatever the threshold of the others would be', () => {
    scope(() => {
      const method = build({ maps: { background: 'token' } })
      const network = (method.network as Cti).eval()
      const image = ops.randn([1, 3, 8, 8])
      const target = { views: [image], classes: [0, 1, 2], size: [4, 4] }
      const cams = method.imageCams([target], { flip: false })[0]!
      const stretched = noGrad(() => maxNorm(ctiCams(network, image).select(0, 0)))
      const over = cams.gt(0.5)
      const wins = stretched.narrow(0, 1, CLASSES).gt(stretched.narrow(0, 0, 1))
      expect(values(over)).toEqual(values(wins))
      expect(values(over).some(Boolean)).toBe(true)
      expect(values(over).every(Boolean)).toBe(false)
      network.dispose()
    })
  })

  test('trains on two views, the second of which alone has RandAugment', () => {
    const augment = cti.train.augment.parse(undefined)
    const recipe = { train: { augment } } as Parameters<NonNullable<typeof cti.views>>[0]
    expect(cti.views!(recipe)).toEqual([{ ...augment, randAugment: false }, augment])
    expect(augment).toMatchObject({ crop: { scale: [0.3, 1.2] }, erasing: false, randAugment: { ops: 2 } })
  })
})

test('settings that do not fit together are refused, with what would be right', () => {
  const losses = { background: 0.1, intra: 1, cross: 1, start: 5, detachCams: false }
  const recipe = { model, train: { infusion: 3, epochs: 5, losses } } as unknown as Parameters<
    NonNullable<typeof cti.check>
  >[0]
  expect(cti.check!(recipe)).toEqual([
    { path: ['train', 'infusion'], message: 'has no block after it: the network has 4; expected at most 2' },
    {
      path: ['train', 'losses', 'start'],
      message: 'is not before the end of 5 epochs; expected less, or weights of 0',
    },
  ])
  const unused = { ...losses, background: 0, intra: 0, cross: 0 }
  const alone = { ...recipe, train: { ...recipe.train, infusion: 2, losses: unused } }
  expect(cti.check!(alone)).toEqual([])
  const shallow = { ...alone, model: { ...model, width: { embedDim: 8, depth: 1, heads: 2 } } }
  expect(cti.check!(shallow as unknown as typeof alone)).toMatchObject([
    { message: 'has no block after it: the network has 1; expected a network of two blocks or more' },
  ])
})
