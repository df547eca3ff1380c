import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backward, manualSeed, noGrad, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import { resnet38Backbone, vitBackbone } from '../dense-backbone.ts'
import {
  bestLabels,
  DilatedHead,
  LightHead,
  labelProbabilities,
  segmentationLoss,
  segmentationNetwork,
} from './index.ts'

const TINY = { embedDim: 12, depth: 3, heads: 2, patchSize: 4, mlpRatio: 2, dropPath: 0, imageSize: 16 }

function tinyVit(labels: number) {
  return segmentationNetwork(vitBackbone(TINY), channels => new LightHead({ channels, labels, hidden: 8 }))
}

function int64(values: readonly number[], shape: readonly number[]): Tensor {
  return tensor(values, shape).to({ dtype: 'int64' })
}

test.each([
  [16, 16],
  [15, 22],
])('the light head gives what its convolutions give on resized levels, %i x %i pixels', (height, width) => {
  scope(() => {
    const network = tinyVit(5)
    const { mix, join, classify } = network.head as LightHead
    const images = ops.randn([2, 3, height, width])
    noGrad(() => {
      const levels = network.backbone.forward(images)
      const mixed = mix.forward(ops.cat(levels, { dim: 1 })).relu()
      const plain = classify.forward(join.forward(mixed).relu())
      const [got, wanted] = [network.forward(images), plain]
      expect(got.shape).toEqual([2, 5, Math.ceil(height / 2), Math.ceil(width / 2)])
      expect(got.shape).toEqual(wanted.shape)
      expect(got.sub(wanted).abs().max().item()).toBeLessThan(1e-5)
    })
    network.dispose()
  })
})

describe('the loss', () => {
  const sizes = fc.record({
    batch: fc.integer({ min: 1, max: 3 }),
    classes: fc.integer({ min: 2, max: 4 }),
    rows: fc.integer({ min: 1, max: 4 }),
    columns: fc.integer({ min: 1, max: 4 }),
    factor: fc.integer({ min: 1, max: 4 }),
  })

  test('and its gradient are those of plain cross entropy at full size', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 0, max: 99 }), ({ batch, classes, rows, columns, factor }, seed) =>
        scope(() => {
          manualSeed(seed)
          const size = [rows * factor, columns * factor]
          const values = ops.randn([batch, classes, rows, columns])
          const picks = ops.floor(ops.rand([batch, ...size]).mul(classes + 1)).toFloat32Array()
          const labels = int64(
            [...picks].map(pick => (pick >= classes ? 255 : pick)),
            [batch, ...size],
          )
          if (picks.every(pick => pick >= classes)) return
          const [own, plain] = [values.clone(), values.clone()]
          own.requiresGrad = true
          plain.requiresGrad = true
          const loss = segmentationLoss(own, labels)
          const full = ops.upsampleBilinear2d(plain, size, false)
          const wanted = ops.crossEntropyLoss(full, labels, { ignoreIndex: 255 })
          backward(loss.mul(3))
          backward(wanted.mul(3))
          expect(loss.item()).toBeCloseTo(wanted.item(), 5)
          const [got, want] = [own.grad!.toFloat32Array(), plain.grad!.toFloat32Array()]
          for (let i = 0; i < want.length; i++) expect(got[i]).toBeCloseTo(want[i]!, 6)
          expect(noGrad(() => segmentationLoss(values, labels)).item()).toBeCloseTo(wanted.item(), 5)
        }),
      ),
      { numRuns: 25 },
    )
  })

  test('of an unsure pixel is that of its candidates together', () => {
    scope(() => {
      manualSeed(1)
      const values = ops.randn([2, 3, 2, 2])
      const labels = int64([0, 254, 255, 2, 254, 1, 254, 254], [2, 2, 2])
      const candidates = tensor([1, 1, 0, 1, 0, 0], [2, 3]) // either of the first two; the first alone
      const own = values.clone()
      own.requiresGrad = true
      const loss = segmentationLoss(own, labels, { candidates })
      backward(loss)
      const probabilities = values.softmax(1).toFloat32Array() // [2, 3, 2, 2]
      const of = (sample: number, label: number, pixel: number): number =>
        probabilities[(sample * 3 + label) * 4 + pixel]!
      const right = [
        of(0, 0, 0),
        of(0, 0, 1) + of(0, 1, 1),
        of(0, 2, 3),
        of(1, 0, 0),
        of(1, 1, 1),
        of(1, 0, 2),
        of(1, 0, 3),
      ]
      const wanted = -right.reduce((sum, p) => sum + Math.log(p), 0) / right.length
      expect(loss.item()).toBeCloseTo(wanted, 5)
      expect(noGrad(() => segmentationLoss(values, labels, { candidates })).item()).toBeCloseTo(wanted, 5)
      const gradient = own.grad!.toFloat32Array()
      const at = (sample: number, label: number, pixel: number): number =>
        gradient[(sample * 3 + label) * 4 + pixel]!
      const both = of(0, 0, 1) + of(0, 1, 1)
      expect(at(0, 0, 1)).toBeCloseTo((of(0, 0, 1) - of(0, 0, 1) / both) / right.length, 5)
      expect(at(0, 2, 1)).toBeCloseTo(of(0, 2, 1) / right.length, 5)
      expect(at(0, 0, 2)).toBe(0)
    })
  })

  test('is 0, with no gradient, where no pixel has a label', () => {
    scope(() => {
      const logits = ops.randn([1, 3, 2, 2])
      logits.requiresGrad = true
      const loss = segmentationLoss(logits, int64(new Array(16).fill(255), [1, 4, 4]))
      backward(loss)
      expect(loss.item()).toBe(0)
      expect([...logits.grad!.toFloat32Array()]).toEqual(new Array(12).fill(0))
    })
  })
})

describe('a segmentation network', () => {
  test('of ResNet38 has the published names and a logit for every eighth pixel', () => {
    scope(() => {
      const network = segmentationNetwork(
        resnet38Backbone({ width: 2 }),
        channels => new DilatedHead({ channels, labels: 5, hidden: 4 }),
      )
      const names = [...network.stateDict().keys()]
      expect(names.slice(-4)).toEqual([
        'fc8_seg_conv1.weight',
        'fc8_seg_conv1.bias',
        'fc8_seg_conv2.weight',
        'fc8_seg_conv2.bias',
      ])
      expect(names).toContain('b4_3.bn_branch2a.running_mean')
      expect(noGrad(() => network.eval().forward(ops.randn([1, 3, 17, 33]))).shape).toEqual([1, 5, 3, 5])
      network.dispose()
    })
  })

  test('of a vision transformer takes images that are no multiple of a patch, down to one pixel', () => {
    scope(() => {
      const network = tinyVit(5).eval()
      for (const [height, width] of [
        [16, 16],
        [7, 30],
        [1, 9],
      ] as const) {
        const logits = noGrad(() => network.forward(ops.randn([2, 3, height, width])))
        expect(logits.shape).toEqual([2, 5, Math.ceil(height / 2), Math.ceil(width / 2)])
      }
      network.dispose()
    })
  })

  test('learns where things are: one step after the other lowers the loss', () => {
    scope(() => {
      manualSeed(1)
      const network = tinyVit(2)
      const image = ops.randn([1, 3, 16, 16])
      const labels = int64(
        Array.from({ length: 256 }, (_, i) => (i % 16 < 8 ? 0 : 1)),
        [1, 16, 16],
      )
      const losses = Array.from({ length: 12 }, () =>
        scope(() => {
          const loss = segmentationLoss(network.forward(image), labels)
          backward(loss)
          noGrad(() => {
            for (const parameter of network.parameters().values()) {
              const { grad } = parameter
              if (grad !== undefined) ops.add_(parameter, grad, { alpha: -0.05 })
              parameter.grad = undefined
            }
          })
          return loss.item()
        }),
      )
      expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!)
      network.dispose()
    })
  })
})

describe('inference', () => {
  const base = { scales: [1], flip: false, combine: 'max', alignCorners: false } as const

  test('single is the softmax of the image alone; one scale without mirror is the same', () => {
    scope(() => {
      const network = tinyVit(3).eval()
      const image = ops.randn([1, 3, 12, 20])
      const { single, multi } = labelProbabilities(network, image, base)
      expect(single.shape).toEqual([1, 3, 12, 20])
      for (const total of single.sum(1).toFloat32Array()) expect(total).toBeCloseTo(1, 5)
      expect([...multi.toFloat32Array()]).toEqual([...single.toFloat32Array()])
      network.dispose()
    })
  })

  test('over scales: the largest as published, or the mean, which adds up to 1', () => {
    scope(() => {
      const network = tinyVit(3).eval()
      const image = ops.randn([1, 3, 12, 20])
      const look = (scale: number, mirrored: boolean, alignCorners: boolean): Float32Array => {
        const size = [Math.trunc(12 * scale), Math.trunc(20 * scale)]
        const view = ops.upsampleBilinear2d(image, size, alignCorners)
        const logits = noGrad(() => network.forward(mirrored ? view.flip(-1) : view))
        const full = ops.softmax(ops.upsampleBilinear2d(logits, [12, 20], false), 1)
        return (mirrored ? full.flip(-1) : full).toFloat32Array()
      }
      const scales = [0.5, 1, 1.3]
      const max = labelProbabilities(network, image, { ...base, scales, alignCorners: true }).multi
      const views = scales.map(scale => look(scale, false, true))
      max.toFloat32Array().forEach((value, i) => {
        expect(value).toBeCloseTo(Math.max(...views.map(view => view[i]!)), 5)
      })
      const mean = labelProbabilities(network, image, { ...base, scales, flip: true, combine: 'mean' }).multi
      const both = scales.flatMap(scale => [look(scale, false, false), look(scale, true, false)])
      mean.toFloat32Array().forEach((value, i) => {
        expect(value).toBeCloseTo(both.reduce((sum, view) => sum + view[i]!, 0) / 6, 5)
      })
      for (const total of mean.sum(1).toFloat32Array()) expect(total).toBeCloseTo(1, 5)
      network.dispose()
    })
  })

  test('the best label of each pixel, the lowest of equals, at any size', () => {
    scope(() => {
      const probabilities = tensor([0.5, 0.1, 0.5, 0.8, 0, 0.1], [3, 1, 2])
      expect(bestLabels(probabilities, { width: 2, height: 1 })).toEqual({
        width: 2,
        height: 1,
        data: Uint8Array.of(0, 1),
      })
      const larger = bestLabels(probabilities, { width: 8, height: 2 })
      expect(larger.data).toHaveLength(16)
      expect([larger.data[0], larger.data[7]]).toEqual([0, 1])
      const random = ops.rand([4, 6, 5])
      const full = ops.upsampleBilinear2d(random.unsqueeze(0), [13, 9], false).select(0, 0)
      const direct = bestLabels(full, { width: 9, height: 13 })
      expect(bestLabels(random, { width: 9, height: 13 })).toEqual(direct)
    })
  })
})
