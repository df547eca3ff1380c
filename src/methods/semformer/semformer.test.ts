import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { deit } from '../../models/vit/index.ts'
import {
  autocast,
  backward,
  countMultiplyAdds,
  manualSeed,
  memory,
  noGrad,
  ops,
  scope,
  type Tensor,
  tensor,
} from '../../torch/index.ts'
import { complementLoss, suppressionLoss } from './activation-losses.ts'
import { Caae } from './caae.ts'
import { semformerGroups } from './groups.ts'
import { guidedLosses } from './guided-losses.ts'
import { type SemformerLossOptions, trainingLosses } from './losses.ts'
import { mergeMaps, semformerCams, semformerMaps } from './maps.ts'
import { Semformer, type SemformerOptions } from './model.ts'
import { pairsOf } from './pairs.ts'

const SIZES = { embedDim: 12, depth: 2, heads: 3, patchSize: 4, mlpRatio: 2, dropPath: 0, numClasses: 4 }

let network: Semformer
let autoencoder: Caae
function build(options: Partial<SemformerOptions> = {}): void {
  manualSeed(1)
  network = new Semformer({ ...SIZES, imageSize: 24, classDim: 16, tokenDropout: 0, ...options })
  autoencoder = new Caae({ ...SIZES, imageSize: 16, classDim: 16, decoderWidth: 6, decoderDepth: 1 })
  autoencoder.freeze().eval()
}
afterEach(() => {
  network.dispose()
  autoencoder?.dispose()
})

const values = (of: Tensor): number[] => [...of.toFloat32Array()]
const noise = (...shape: number[]): Tensor => ops.randn(shape)
const whole = { x: 0, y: 0, width: 24, height: 24 }
const BATCH = {
  boxes: [whole, { x: 3, y: 0, width: 20, height: 11 }],
  present: [
    [0, 1, 3],
    [0, 2],
  ],
}
const losses = (images: Tensor, options: SemformerLossOptions = {}) =>
  trainingLosses(network, { images, ...BATCH }, { autoencoder, side: 16, ...options })

/** Gradients of the network's parameters; undefined for none. */
function gradients(): Map<string, number[]> {
  const all = [...network.parameters()].map(([name, parameter]) => {
    const { grad } = parameter
    parameter.grad = undefined
    return [name, grad === undefined ? [] : values(grad)] as const
  })
  return new Map(all)
}

test('the state dict is the published one, name by name, of 24.06 M parameters and 23.34 G multiply-adds', async () => {
  const list = new URL('../../../test/parity/names/semformer_seg.txt', import.meta.url)
  const wanted = (await readFile(list, 'utf8')).trim().split('\n')
  network = new Semformer({ ...deit['deit-s'], imageSize: 448, numClasses: 21 })
  const found = [...network.stateDict()].map(
    ([name, { shape }]) => `${name} (${shape.join(', ')}${shape.length === 1 ? ',' : ''})`,
  )
  expect(found).toEqual(wanted)
  const count = [...network.parameters().values()].reduce((sum, { elements }) => sum + elements, 0)
  expect((count / 1e6).toFixed(2)).toBe('24.06')
  network.eval()
  const work = scope(() => noGrad(() => countMultiplyAdds(() => network.logits(ops.rand([1, 3, 448, 448])))))
  expect(Math.abs(work.total / 23.34e9 - 1)).toBeLessThan(0.01) // the paper's table 9
  const groups = semformerGroups(network, { weightDecay: 0.1 })
  expect([...groups[3]!.parameters.keys()]).toEqual([
    'segmentor.cls_token',
    'segmentor.cls_posembed',
    'segmentor.cls_head.bias',
    'segmentor.seg_head.1.bias',
  ])
})

test('class tokens start as that of the DeiT', () => {
  build()
  const { clsToken, clsPosembed, backbone } = network.segmentor
  const own = [backbone.model.clsToken!, noGrad(() => backbone.model.posEmbed!.narrow(1, 0, 1))]
  for (const [i, all] of [clsToken, clsPosembed].entries())
    expect(values(all)).toEqual(Array.from({ length: 4 }, () => values(own[i]!)).flat())
})

describe('a step', () => {
  test('reaches every parameter but those that nothing uses, and none of the autoencoder', () => {
    build()
    scope(() => {
      const { total, parts } = losses(noise(2, 3, 24, 24))
      expect(Object.keys(parts)).toEqual([
        'similarity loss',
        'foreground loss',
        'background loss',
        'suppression loss',
        'complement loss',
      ])
      const weights = [1, 1, 1, 0.075, 1]
      const sum = Object.values(parts).reduce((all, part, i) => all + weights[i]! * part.item(), 0)
      expect(total.item()).toBeCloseTo(sum, 4)
      backward(total)
      const still = [...gradients()].flatMap(([name, { length }]) => (length === 0 ? [name] : []))
      expect(still).toEqual(['segmentor.backbone.model.cls_token', 'segmentor.backbone.model.pos_embed'])
      expect([...autoencoder.parameters().values()].filter(({ grad }) => grad !== undefined)).toEqual([])
    })
  })

  test('is the same whatever passes the autoencoder at a time', () => {
    build()
    scope(() => {
      const images = noise(2, 3, 24, 24)
      const [all, ...others] = [100, 1, 2, 3].map(chunk => {
        const { total, parts } = losses(images, { chunk })
        backward(total)
        return { parts: Object.values(parts).map(part => part.item()), gradients: gradients() }
      })
      for (const one of others) {
        for (const [i, part] of one.parts.entries()) expect(part).toBeCloseTo(all!.parts[i]!, 5)
        for (const [name, want] of all!.gradients) {
          const got = one.gradients.get(name)!
          const scale = Math.max(...want.map(Math.abs), 1e-6)
          const off = Math.max(0, ...want.map((value, i) => Math.abs(value - got[i]!)))
          expect(off / scale, name).toBeLessThan(1e-4)
        }
      }
    })
  })

  test('has the derivative of both losses that autograd finds', () => {
    build()
    scope(() => {
      const images = noise(2, 3, 16, 16)
      const pairs = pairsOf(BATCH.present, { numClasses: 4 })
      const maps = noGrad(() => noise(2, 4, 16, 16).sigmoid())
      const weights = { foreground: 1, background: 0.5 }
      maps.requiresGrad = true
      const { total } = guidedLosses(autoencoder, { images, maps, pairs }, { weights, chunk: 2 })
      backward(total)
      const known = values(maps.grad!)
      const at = (step: number): number =>
        noGrad(() => {
          const moved = maps.add(maps.grad!.mul(step))
          return guidedLosses(autoencoder, { images, maps: moved, pairs }, { weights }).total.item()
        })
      const norm = known.reduce((sum, value) => sum + value * value, 0)
      const step = 1e-2 / Math.sqrt(norm)
      expect((at(step) - at(-step)) / (2 * step) / norm).toBeCloseTo(1, 1)
    })
  })

  test('in bf16 is near that in fp32', () => {
    build()
    scope(() => {
      const images = noise(2, 3, 24, 24)
      const [fp32, bf16] = (['fp32', 'bf16'] as const).map(precision => {
        const { total } = autocast({ precision }, () => losses(images))
        backward(total)
        const all = gradients()
        return { total: total.item(), token: all.get('segmentor.cls_token')! }
      })
      expect(Math.abs(bf16!.total / fp32!.total - 1)).toBeLessThan(0.02)
      const length = (values: number[]): number => Math.hypot(...values)
      const off = length(bf16!.token.map((value, i) => value - fp32!.token[i]!))
      expect(off / length(fp32!.token)).toBeLessThan(0.2)
    })
  })

  test('leaves nothing behind', () => {
    build({ tokenDropout: 0.5 })
    const before = memory().live
    scope(() => backward(losses(noise(2, 3, 24, 24)).total))
    scope(gradients)
    expect(memory().live).toBe(before)
  })

  test('has more memory with larger chunks, and not with more classes', () => {
    build()
    const peakOf = (present: number[][], chunk: number): number =>
      scope(() => {
        const images = noise(1, 3, 16, 16)
        const maps = ops.full([1, 4, 16, 16], 0.5)
        maps.requiresGrad = true
        const before = live.most
        live.most = 0
        const weights = { foreground: 1, background: 1 }
        const pairs = pairsOf(present, { numClasses: 4 })
        const spied = spying(autoencoder, live)
        guidedLosses(spied, { images, maps, pairs }, { weights, chunk })
        const most = live.most
        live.most = before
        return most
      })
    const live = { most: 0 }
    expect(peakOf([[0, 1, 2, 3]], 1)).toBe(peakOf([[0]], 1))
    expect(peakOf([[0, 1, 2, 3]], 4)).toBe(4 * peakOf([[0, 1, 2, 3]], 1))
  })
})

/** Notes the most images that pass at a time. */
function spying(of: Caae, live: { most: number }): Caae {
  const spied = Object.create(of) as Caae
  spied.embeddings = (images, options) => {
    live.most = Math.max(live.most, images.size(0))
    return of.embeddings(images, options)
  }
  return spied
}

describe('the equations', () => {
  test('weigh pairs over the batch, or over each image', () => {
    const present = [
      [0, 1, 3],
      [0, 2],
    ]
    const code = pairsOf(present, { numClasses: 4 })
    expect([code.images, code.classes, code.constant]).toEqual([[0, 0, 0, 1, 1], [0, 1, 3, 0, 2], 1])
    const row = (weights: Float32Array, pair: number): number[] => [
      ...weights.subarray(4 * pair, 4 * pair + 4),
    ]
    expect(row(code.weights, 1)).toEqual([0.0625, Math.fround(-0.1), 0, 0.0625])
    const paper = pairsOf(present, { numClasses: 4, equations: 'paper' })
    expect(paper.constant).toBe(0)
    for (const [i, weight] of row(paper.weights, 1).entries())
      expect(12 * weight).toBeCloseTo([1, -2, 0, 1][i]!, 6)
    expect(row(paper.weights, 4)).toEqual([0.25, 0, -0.25, 0])
    const alone = pairsOf([[0]], { numClasses: 2 })
    expect([...alone.weights]).toEqual([-0.5, 0])
  })

  test('of the maps', () => {
    build()
    scope(() => {
      const maps = tensor([0.2, 0.9, 0.4, 0.1, 0.5, 0.3], [1, 3, 1, 2])
      const means = [0.55, 0.25, 0.4]
      expect(suppressionLoss(maps).item()).toBeCloseTo((0.25 + 0.4) / 2 + 1 - 0.55, 5)
      expect(suppressionLoss(maps, { equations: 'paper' }).item()).toBeCloseTo(
        (means[0]! + 0.25 + 0.4) / 3,
        5,
      )
      const present = [[0, 1]]
      const squares = (pairs: [number, number][]): number =>
        pairs.reduce((sum, [own, other]) => sum + (own + other - 1) ** 2, 0) / pairs.length
      const code = squares([
        [0.2, 0.4],
        [0.9, 0.1],
        [0.4, 0.2],
        [0.1, 0.9],
      ]) // prettier-ignore
      const paper = squares([
        [0.2, 0.5],
        [0.9, 0.3],
        [0.4, 0.5],
        [0.1, 0.9],
      ]) // prettier-ignore
      expect(complementLoss(maps, { present }).item()).toBeCloseTo(code, 5)
      expect(complementLoss(maps, { present, equations: 'paper' }).item()).toBeCloseTo(paper, 5)
      const region = tensor([0, 1], [1, 1, 1, 2])
      const right = squares([
        [0.9, 0.1],
        [0.1, 0.9],
      ]) // prettier-ignore
      expect(complementLoss(maps, { present, region }).item()).toBeCloseTo(right, 5)
    })
  })

  test('embeddings may have no ReLU', () => {
    build({ embeddingRelu: false })
    scope(() => {
      const { embeddings } = noGrad(() => network.forward(noise(1, 3, 24, 24)))
      expect(Math.min(...values(embeddings))).toBeLessThan(0)
      const { total } = losses(noise(2, 3, 24, 24))
      backward(total)
      for (const gradient of gradients().values()) expect(gradient.every(Number.isFinite)).toBe(true)
    })
  })
})

test('token dropout drops whole tokens', () => {
  build({ tokenDropout: 0.5 })
  scope(() =>
    noGrad(() => {
      const images = noise(1, 3, 24, 24)
      const bias = values(network.segmentor.segHead[1].bias!)
      const dropped = (logits: number[]): number =>
        logits.filter((value, i) => Math.abs(value - bias[Math.floor(i / 36)]!) < 1e-7).length
      expect(dropped(values(network.train().forward(images).logits)) % 4).toBe(0)
      expect(dropped(values(network.train().forward(images).logits))).toBeGreaterThan(20)
      expect(dropped(values(network.eval().forward(images).logits))).toBe(0)
    }),
  )
})

describe('CAMs', () => {
  test('of images of any size are one value a patch, in [0, 1] at the size asked for', () => {
    build()
    network.eval()
    const before = memory().live
    scope(() =>
      noGrad(() => {
        expect(semformerMaps(network, noise(2, 3, 21, 30)).shape).toEqual([2, 3, 6, 8])
        const views = [noise(1, 3, 24, 20), noise(1, 3, 12, 8)]
        for (const merge of ['sum', 'mean', 'max'] as const) {
          const [cams] = semformerCams(network, [{ views, classes: [2, 0], size: [23, 19] }], { merge })
          expect(cams!.shape).toEqual([2, 23, 19])
          expect(Math.min(...values(cams!))).toBeGreaterThanOrEqual(0)
          expect(Math.max(...values(cams!))).toBeLessThanOrEqual(1)
          expect(Math.max(...values(cams!))).toBeGreaterThan(0.5)
        }
      }),
    )
    expect(memory().live).toBe(before)
  })

  test('the attention is stretched to [0, 1], and the sigmoid is of the paper', () => {
    build()
    network.eval()
    scope(() =>
      noGrad(() => {
        const images = noise(1, 3, 24, 24)
        const [plain, related, alone] = ([false, true, 'alone'] as const).map(relevance =>
          values(semformerMaps(network, images, { relevance, activation: 'sigmoid' })),
        )
        expect(Math.min(...plain!)).toBeGreaterThan(0)
        const shares = related!.map((value, i) => value / plain![i]!)
        expect(Math.min(...shares)).toBe(0)
        expect(Math.max(...shares)).toBeGreaterThan(0.9)
        expect(shares).toEqual(alone!.map(value => expect.closeTo(value, 5)))
      }),
    )
  })

  test('merged over views as told', () => {
    build()
    scope(() => {
      const maps = [tensor([1, 2, 3, 4], [1, 2, 2]), tensor([4, 0, 0, 2], [1, 2, 2])]
      const merged = (merge: 'sum' | 'mean' | 'max'): number[] =>
        values(mergeMaps(maps, { size: [2, 2], merge })).map(value => Math.round(1000 * value) / 1000)
      expect(merged('sum')).toEqual([0.833, 0.333, 0.5, 1])
      expect(merged('mean')).toEqual([0.833, 0.333, 0.5, 1])
      expect(merged('max')).toEqual([1, 0.5, 0.75, 1])
    })
  })
})
