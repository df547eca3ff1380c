import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attentionLogits, type MitOptions, mit } from '../../models/mit/index.ts'
import { multilabelSoftMargin, type Parameter } from '../../nn/index.ts'
import { adamw } from '../../optim/index.ts'
import {
  autocast,
  backward,
  fromData,
  manualSeed,
  memory,
  noGrad,
  ops,
  scope,
  type Tensor,
  tensor,
} from '../../torch/index.ts'
import { affinityLabels, nearPairs } from './affinity-labels.ts'
import { batchCams, camLabels } from './cams.ts'
import { mitEncoder } from './encoder.ts'
import { afaGroups } from './groups.ts'
import { buildAfa } from './index.ts'
import { segmentationLogits } from './inference.ts'
import { affinityLoss, segmentationHalves } from './losses.ts'
import { Afa } from './model.ts'
import { loadAfa } from './pretrained.ts'
import { propagateWithBackground, transitions } from './propagation.ts'
import { afaModelRecipe } from './recipe.ts'

const TINY: MitOptions = {
  embedDims: [4, 6, 8, 12],
  depths: [1, 1, 1, 2],
  heads: [1, 2, 2, 3],
  mlpRatios: [2, 2, 2, 2],
  srRatios: [4, 2, 2, 1],
  strides: [4, 2, 2, 2],
  dropPath: 0.1,
}

function tiny({ numClasses = 3, pooling = 'max' as 'max' | 'mean' } = {}): Afa {
  return new Afa({ encoder: mitEncoder(TINY), numClasses, embedDim: 8, pooling })
}

const greatest = (difference: Tensor): number => difference.abs().max().item()

test('the state dict is the published one, name by name', async () => {
  const list = new URL('../../../test/parity/names/afa_mit_b1.txt', import.meta.url)
  const wanted = (await readFile(list, 'utf8')).trim().split('\n')
  const network = new Afa({ encoder: mitEncoder(mit['mit-b1']), numClasses: 20 })
  const found = [...network.stateDict()].map(
    ([name, { shape }]) => `${name} (${shape.join(', ')}${shape.length === 1 ? ',' : ''})`,
  )
  expect(found).toEqual(wanted)
  scope(() => {
    // kaiming_normal_(a = sqrt 5, fan_out): one output channel, so a deviation of sqrt(1/3)
    expect(network.attnProj.weight.mul(network.attnProj.weight).mean().item()).toBeGreaterThan(0.05)
    expect(greatest(network.attnProj.bias!)).toBeLessThanOrEqual(1 / 4)
    const bound = 1 / Math.sqrt(512)
    expect(greatest(network.classifier.weight)).toBeCloseTo(bound, 3)
  })
  network.dispose()
})

test('the affinity is the sigmoid of the convolution of S + S^T, and so are its gradients', () => {
  scope(() => {
    manualSeed(4)
    const network = tiny().eval()
    for (const [name, parameter] of network.parameters())
      if (name.includes('attn')) noGrad(() => ops.normal_(parameter, { std: 0.3 }))
    const images = ops.randn([2, 3, 32, 48])
    const weight = ops.randn([2, 6, 6])
    const { attnProj } = network
    const gradients = (affinity: Tensor): Tensor[] => {
      backward(affinity.mul(weight).sum())
      const { weight: own, bias } = attnProj
      const query = network.parameters().get('encoder.block4.1.attn.q.weight')!
      const found = [own, bias!, query].map(parameter => {
        const { grad } = parameter
        ;(parameter as Parameter).grad = undefined
        return grad!
      })
      return found
    }
    const { affinity } = network.forward(images, { affinity: true })
    const ours = gradients(affinity!)
    for (const parameter of network.parameters().values()) parameter.grad = undefined
    const { factors } = mitEncoderOf(network).forward(images, { factorsOf: [3, 4] })
    const logits = ops.cat(factors.map(attentionLogits), { dim: 1 }) // [B, 6, N, N]
    const plain = attnProj
      .forward(logits.add(logits.transpose(2, 3)))
      .select(1, 0)
      .sigmoid()
    expect(greatest(affinity!.sub(plain))).toBeLessThan(1e-6)
    // libtorch's sigmoid of a vector and of what is left of one differ in the last bit
    expect(greatest(affinity!.sub(affinity!.transpose(1, 2)))).toBeLessThan(1e-7)
    for (const [i, gradient] of gradients(plain).entries())
      expect(greatest(ours[i]!.sub(gradient)) / greatest(gradient)).toBeLessThan(1e-4)
    network.dispose()
  })
})

const mitEncoderOf = (network: Afa) => network.encoder as import('../../models/mit/index.ts').MixTransformer

test('poolings, and CAMs as the classifier sees each place', () => {
  scope(() => {
    manualSeed(5)
    const [largest, mean] = [tiny().eval(), tiny({ pooling: 'mean' }).eval()]
    mean.loadStateDict(largest.stateDict())
    const images = ops.randn([2, 3, 32, 32])
    noGrad(() => {
      const { cams, affinity } = largest.cams(images)
      expect(cams.shape).toEqual([2, 3, 2, 2])
      expect(affinity).toBeUndefined()
      const { classLogits, segLogits } = mean.forward(images)
      expect(segLogits.shape).toEqual([2, 4, 8, 8])
      expect(greatest(classLogits.sub(cams.mean([2, 3])))).toBeLessThan(1e-5)
      expect(largest.cams(images, { affinityOf: 1 }).affinity!.shape).toEqual([1, 4, 4])
    })
    for (const network of [largest, mean]) network.dispose()
  })
})

test('one look at one scale is the network itself; further scales and the flip only raise or average logits', () => {
  scope(() => {
    manualSeed(8)
    const network = tiny().eval()
    const image = ops.randn([1, 3, 32, 48])
    const { segLogits } = noGrad(() => network.forward(image))
    const plain = segmentationLogits(network, image, { scales: [1], flip: false })
    for (const logits of [plain.single, plain.multi]) expect(greatest(logits.sub(segLogits))).toBe(0)
    const flipped = segmentationLogits(network, image, { scales: [1] })
    const mirrored = segmentationLogits(network, image.flip(-1), { scales: [1] })
    expect(greatest(flipped.multi.sub(mirrored.multi.flip(-1)))).toBeLessThan(1e-5)
    const several = segmentationLogits(network, image, { scales: [1, 0.5, 1.5] })
    expect(several.multi.sub(flipped.multi).min().item()).toBeGreaterThan(-1e-5)
    network.dispose()
  })
})

test('CAM passes move the running statistics in training, and only where asked', () => {
  scope(() => {
    const network = tiny()
    const { numBatchesTracked } = network.decoder.linearFuse.bn
    const images = ops.randn([1, 3, 32, 32])
    batchCams(network, images, { classes: [[0]] })
    expect(numBatchesTracked.item()).toBe(3)
    batchCams(network, images, { classes: [[0]], observe: false })
    network.eval()
    batchCams(network, images, { classes: [[0]] })
    expect(numBatchesTracked.item()).toBe(3)
    network.dispose()
  })
})

test.for([
  { scales: [1, 0.5], flip: true },
  { scales: [1, 0.5], flip: false },
  { scales: [1], flip: false },
])(
  'images that the training has just seen have the same CAMs, affinity and statistics without a second look: %o',
  look => {
    scope(() => {
      manualSeed(4)
      const network = new Afa({ encoder: mitEncoder({ ...TINY, dropPath: 0 }), numClasses: 3, embedDim: 8 })
      const { bn } = network.decoder.linearFuse
      const images = ops.randn([2, 3, 32, 48])
      const options = { classes: [[0], [1, 2]], ...look }
      const seen = network.forward(images, { affinity: true })
      const before = [bn.runningMean.clone(), bn.runningVar.clone()]
      const again = batchCams(network, images, options)
      const statistics = [bn.runningMean.clone(), bn.runningVar.clone()]
      noGrad(() => {
        ops.copy_(bn.runningMean, before[0]!)
        ops.copy_(bn.runningVar, before[1]!)
      })
      const once = batchCams(network, images, { ...options, seen })
      for (const i of [0, 1])
        expect(greatest(once.images[i]!.cams.sub(again.images[i]!.cams))).toBeLessThan(1e-5)
      expect(greatest(once.affinity!.sub(again.affinity!))).toBeLessThan(1e-6)
      expect(greatest(bn.runningMean.sub(statistics[0]!))).toBeLessThan(1e-6)
      expect(greatest(bn.runningVar.sub(statistics[1]!))).toBeLessThan(1e-6)
      network.dispose()
    })
  },
)

test('multi-scale CAMs of the tags are those of all classes; an image without tags has none', () => {
  scope(() => {
    manualSeed(6)
    const network = tiny().eval()
    const images = ops.randn([3, 3, 32, 48])
    const all = batchCams(network, images, {
      classes: [
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2],
      ],
    })
    const some = batchCams(network, images, { classes: [[2], [], [0, 1]] })
    expect(some.images.map(({ cams }) => cams.shape)).toEqual([
      [1, 32, 48],
      [0, 32, 48],
      [2, 32, 48],
    ])
    expect(greatest(some.images[0]!.cams.sub(all.images[0]!.cams.narrow(0, 2, 1)))).toBe(0)
    expect(greatest(some.images[2]!.cams.sub(all.images[2]!.cams.narrow(0, 0, 2)))).toBe(0)
    expect(all.affinity!.shape).toEqual([3, 3 * 5, 3 * 5]) // 48 x 72 pixels
    expect(camLabels(some.images[1]!).shape).toEqual([32, 48])
    expect(batchCams(network, images, { classes: [[], [], []] }).images[0]!.cams.shape).toEqual([0, 32, 48])
    network.dispose()
  })
})

describe('losses', () => {
  test('the published-code mean over a half without pixels is no number; corrected, it is 0', () => {
    scope(() => {
      const logits = ops.randn([1, 3, 2, 2])
      logits.requiresGrad = true
      const label = (...values: number[]): Tensor => tensor(values, [1, 2, 2]).to({ dtype: 'int64' })
      const entropy = (labels: Tensor): number =>
        ops.crossEntropyLoss(logits.detach(), labels, { ignoreIndex: 255 }).item()
      const foreground = label(1, 2, 255, 2)
      const [published, corrected] = (['published-code', 'corrected'] as const).map(emptyHalf =>
        segmentationHalves(logits, foreground, { emptyHalf }),
      ) as [Tensor, Tensor]
      expect(corrected.item()).toBeCloseTo(entropy(foreground) / 2, 5)
      expect(published.item()).toBeNaN()
      backward(published)
      const gradient = logits.grad!.toFloat32Array()
      logits.grad = undefined
      backward(corrected)
      expect(logits.grad!.toFloat32Array()).toEqual(gradient) // PyTorch's, too, is that of the other half
      const both = label(0, 0, 1, 0)
      const halves = [label(0, 0, 255, 0), label(255, 255, 1, 255)].map(entropy) as [number, number]
      for (const emptyHalf of ['published-code', 'corrected'] as const)
        expect(segmentationHalves(logits, both, { emptyHalf }).item()).toBeCloseTo(
          (halves[0] + halves[1]) / 2,
          5,
        )
      const nothing = label(255, 255, 255, 255)
      expect(segmentationHalves(logits, nothing).item()).toBe(0)
      expect(segmentationHalves(logits, label(0, 0, 0, 0), { emptyHalf: 'published-code' }).item()).toBeNaN()
    })
  })

  test('a batch without known pairs has an affinity loss of 0', () => {
    scope(() => {
      const affinity = ops.rand([1, 4, 4])
      affinity.requiresGrad = true
      const loss = affinityLoss(affinity, ops.full([1, 4, 4], 255, { dtype: 'uint8' }))
      expect(loss.item()).toBe(0)
      backward(loss)
      expect(greatest(affinity.grad!)).toBe(0)
    })
  })
})

describe('labels of pairs', () => {
  const maps = fc.record({
    rows: fc.integer({ min: 1, max: 5 }),
    columns: fc.integer({ min: 1, max: 5 }),
    radius: fc.integer({ min: 0, max: 4 }),
    seed: fc.integer({ min: 0, max: 1e6 }),
  })

  test('say for each pair in the window whether both ends have one label', () => {
    fc.assert(
      fc.property(maps, ({ rows, columns, radius, seed }) =>
        scope(() => {
          manualSeed(seed)
          const grid = { rows, columns }
          const values = [0, 1, 2, 255]
          const labels = ops
            .floor(ops.rand([1, rows, columns]).mul(4))
            .toFloat32Array()
            .map(i => values[i]!)
          const map = tensor(labels, [1, rows, columns]).to({ dtype: 'uint8' })
          const got = affinityLabels(map, { grid, near: nearPairs(grid, { radius }) }).toFloat32Array()
          const want = Array.from({ length: (rows * columns) ** 2 }, (_, pair) => {
            const [i, j] = [Math.floor(pair / (rows * columns)), pair % (rows * columns)] as const
            const down = Math.floor(i / columns) - Math.floor(j / columns)
            const across = (i % columns) - (j % columns)
            const far = Math.max(Math.abs(down), Math.abs(across)) > radius
            if (far || labels[i] === 255 || labels[j] === 255) return 255
            return labels[i] === labels[j] ? 1 : 0
          })
          expect([...got]).toEqual(want)
        }),
      ),
      { numRuns: 40 },
    )
  })
})

test('a walk keeps to the window and damps places of little affinity', () => {
  scope(() => {
    const grid = { rows: 1, columns: 4 }
    const near = nearPairs(grid, { radius: 1 })
    const step = transitions(ops.full([1, 4, 4], 0.5), { near })
    const row = (i: number): number[] => [...step.select(0, 0).select(0, i).toFloat32Array()]
    const share = (neighbours: number): number => 0.25 / (0.25 * neighbours + 0.1)
    for (const [i, wanted] of [share(2), share(3), 0, 0].entries()) expect(row(0)[i]).toBeCloseTo(wanted, 6)
    const cams = tensor([1, 0, 0, 0], [1, 1, 4])
    const spread = propagateWithBackground(cams, step.select(0, 0), { background: 0.5, size: [1, 4] })
    expect(spread.shape).toEqual([2, 1, 4])
    const total = spread.sum(0).toFloat32Array() // shares of all labels together: the sums of the columns
    for (const [i, neighbours] of [2, 3, 3, 2].entries())
      expect(total[i]).toBeCloseTo(neighbours * share(neighbours), 5)
  })
})

test('the four parameter groups hold every parameter once', () => {
  const network = tiny()
  const groups = afaGroups(network, { weightDecay: 0.01 })
  expect(groups.map(({ lrScale = 1, weightDecay }) => [lrScale, weightDecay])).toEqual([
    [1, 0.01],
    [0, 0],
    [10, 0.01],
    [10, 0.01],
  ])
  const scratch = afaGroups(network, { weightDecay: 0.01, headFactor: 2, norms: 'trained' })
  expect(scratch.map(({ lrScale = 1 }) => lrScale)).toEqual([1, 1, 2, 2])
  const names = groups.map(({ parameters }) => [...parameters.keys()])
  expect(names.flat().sort()).toEqual([...network.parameters().keys()].sort())
  expect(names[1]).toContain('encoder.block1.0.attn.norm.weight')
  expect(names[2]).toEqual(['attn_proj.weight', 'attn_proj.bias', 'classifier.weight'])
  network.dispose()
})

describe('weights', () => {
  const data = (network: Afa, { prefix = '', only = '' } = {}) =>
    new Map(
      [...network.stateDict()].flatMap(([name, value]) =>
        name.startsWith(only) ? [[prefix + name.slice(only.length), value.toData()] as const] : [],
      ),
    )
  const file = 'wetr_iter_18000.pth'
  const equal = (a: Afa, b: Afa, names: (name: string) => boolean): boolean =>
    scope(() =>
      [...a.stateDict()].every(
        ([name, value]) => !names(name) || greatest(value.sub(b.stateDict().get(name)!)) === 0,
      ),
    )

  test("of the authors' checkpoint, behind module.", () => {
    const [source, target] = [tiny(), tiny()]
    const { missing, unexpected, folded } = loadAfa(target, data(source, { prefix: 'module.' }), { file })
    expect({ missing, unexpected, folded }).toEqual({
      missing: [],
      unexpected: [],
      folded: ['names without module.'],
    })
    expect(equal(source, target, () => true)).toBe(true)
    for (const network of [source, target]) network.dispose()
  })

  test("of SegFormer's encoder, whose ImageNet classifier is left out", () => {
    const [source, target] = [tiny(), tiny()]
    const weights = data(source, { only: 'encoder.' })
    scope(() => weights.set('head.weight', ops.zeros([1000, 12]).toData()))
    const { missing, unexpected } = loadAfa(target, weights, { file: 'mit_b1.pth' })
    expect(missing.every(name => !name.startsWith('encoder.'))).toBe(true)
    expect(missing).toContain('classifier.weight')
    expect(unexpected).toEqual(['encoder.head.weight'])
    expect(equal(source, target, name => name.startsWith('encoder.'))).toBe(true)
    for (const network of [source, target]) network.dispose()
  })

  test('of other classes: their heads stay as they were drawn', () => {
    const [source, target] = [tiny({ numClasses: 7 }), tiny()]
    const { missing } = loadAfa(target, data(source), { file })
    expect(missing).toEqual(['decoder.linear_pred.weight', 'decoder.linear_pred.bias', 'classifier.weight'])
    expect(equal(source, target, name => !missing.includes(name))).toBe(true)
    for (const network of [source, target]) network.dispose()
  })

  test('of something else are refused', () => {
    const network = tiny()
    const weights = scope(() => new Map([['conv1a.weight', ops.zeros([1]).toData()]]))
    expect(() => loadAfa(network, weights, { file })).toThrow(
      "wetr_iter_18000.pth (patch_embed1.proj.weight): these are not the weights of a mix transformer; SegFormer's ImageNet weights, such as mit_b1.pth; the file seems to hold a ResNet38",
    )
    network.dispose()
  })
})

test.each(['fp32', 'bf16'] as const)(
  'a training step in %s with its labels leaves no tensors behind',
  precision => {
    const network = tiny()
    const optimiser = adamw(afaGroups(network, { weightDecay: 0.01 }))
    const images = ops.randn([2, 3, 64, 64])
    const targets = tensor([1, 0, 1, 0, 1, 0], [2, 3])
    const classes = [[0, 2], [1]]
    const step = (): void =>
      scope(() => {
        const { classLogits, segLogits, affinity } = autocast({ precision }, () =>
          network.forward(images, { affinity: true }),
        )
        const { images: each, affinity: wide } = autocast({ precision }, () =>
          batchCams(network, images, { classes }),
        )
        const labels = ops.stack(each.map(one => camLabels(one)))
        const grid = { rows: 4, columns: 4 }
        const pairs = affinityLabels(labels, { grid, near: nearPairs(grid, { radius: 2 }) })
        const walk = transitions(wide!, { near: nearPairs({ rows: 6, columns: 6 }, { radius: 2 }) })
        for (const [i, { cams }] of each.entries())
          propagateWithBackground(cams, walk.select(0, i), { background: 0.35, size: [6, 6] })
        const total = multilabelSoftMargin(classLogits, targets)
          .add(segmentationHalves(segLogits, labels.to({ dtype: 'int64' })).mul(0.1))
          .add(affinityLoss(affinity!, pairs).mul(0.1))
        expect(Number.isFinite(total.item())).toBe(true)
        backward(total)
        optimiser.step(1e-3)
        optimiser.zeroGrad()
      })
    const run = (): { live: number; used: number } => {
      for (let i = 0; i < 4; i++) step()
      const { live, used } = memory()
      return { live, used }
    }
    run()
    expect(run()).toEqual(run())
    network.dispose()
  },
)

describe('a vision transformer as encoder', () => {
  const model = afaModelRecipe.parse({
    backbone: { embedDim: 12, depth: 3, heads: 2 },
    imageSize: 32,
    patchSize: 4,
    dropPath: 0,
    headDim: 8,
  })

  test('trains on a crop with padding, and every loss reaches its head; nothing is left behind', () => {
    manualSeed(6)
    const method = buildAfa({
      model,
      numClasses: 3,
      losses: { start: 0, energy: 1e4 },
      labels: { spreadStart: 1, radius: 2 },
    })
    const before = memory().live
    for (const step of [0, 1, 2]) {
      scope(() => {
        const images = ops.randn([2, 3, 32, 32])
        const targets = tensor([1, 0, 1, 0, 0, 0], [2, 3]) // the second image has no tag
        const boxes = [
          { x: 0, y: 0, width: 32, height: 32 },
          { x: 5, y: 0, width: 20, height: 1 },
        ]
        const { total, parts } = method.losses({ images, views: [], boxes, targets }, { epoch: 0, step })
        expect(Object.keys(parts)).toEqual(
          step === 0 ? ['class loss'] : ['class loss', 'segmentation loss', 'affinity loss', 'energy loss'],
        )
        expect(Number.isFinite(total.item())).toBe(true)
        backward(total)
        const reached = [...method.network.parameters()].filter(([, { grad }]) => grad !== undefined)
        const heads = new Set(reached.map(([name]) => name.split('.')[0]))
        expect(heads).toEqual(
          new Set(step === 0 ? ['encoder', 'classifier'] : ['encoder', 'decoder', 'attn_proj', 'classifier']),
        )
        for (const parameter of method.network.parameters().values()) parameter.grad = undefined
      })
      expect(memory().live).toBe(before)
    }
    method.network.dispose()
  })

  test('makes CAMs, spread or not, and labels of an image of any size', () => {
    manualSeed(6)
    for (const spread of [false, true]) {
      const method = buildAfa({ model, numClasses: 3, maps: { spread, scales: [1, 1.5] } })
      method.network.eval()
      scope(() => {
        const image = ops.randn([1, 3, 18, 27])
        const cams = method.imageCams([{ views: [image], classes: [0, 2], size: [9, 13] }])[0]!
        expect(cams.shape).toEqual([2, 9, 13])
        expect(cams.min().item()).toBeGreaterThanOrEqual(0)
        expect(cams.max().item()).toBeLessThanOrEqual(1)
        const look = { scales: [1, 0.5], flip: true, combine: 'mean', alignCorners: false } as const
        const windows = { side: null, stride: null, shortSide: null, blockEnsemble: 0 }
        const { single, multi } = method.labeller!.probabilities(image, { ...look, cropSize: 32, windows })
        for (const probabilities of [single, multi]) {
          expect(probabilities.shape).toEqual([1, 4, 18, 27])
          expect(greatest(probabilities.sum(1).sub(1))).toBeLessThan(1e-5)
        }
      })
      method.network.dispose()
    }
  })
})

test('labels outside the box of real pixels are unknown, also where the box reaches beyond the crop', () => {
  scope(() => {
    const cams = fromData({ dtype: 'float32', shape: [1, 2, 3], data: new Uint8Array(24) })
    const labels = camLabels(
      { classes: [4], cams: cams.add(1) },
      { box: { top: 1, bottom: 5, left: 0, right: 2 } },
    )
    expect([...labels.toFloat32Array()]).toEqual([255, 255, 255, 5, 5, 255])
    const between = camLabels({ classes: [4], cams: cams.add(0.5) }, { uncertain: { low: 0.35, high: 0.55 } })
    expect([...between.toFloat32Array()]).toEqual([255, 255, 255, 255, 255, 255])
  })
})
