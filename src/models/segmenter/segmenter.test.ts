import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { multipliesInBf16 } from '../../pipeline/recipe/precision.ts'
import {
  autocast,
  backward,
  manualSeed,
  noGrad,
  ops,
  type Precision,
  scope,
  type Tensor,
} from '../../torch/index.ts'
import { deit } from '../vit/index.ts'
import { Segmenter, type SegmenterOptions, segmenterGroups, segmenterProbabilities } from './index.ts'
import { enlargedSize, mixBlocks, windowAnchors, windowScores } from './windows.ts'

const SMALL = {
  labels: 3,
  imageSize: 16,
  patchSize: 4,
  embedDim: 8,
  depth: 2,
  heads: 2,
  mlpRatio: 2,
  dropPath: 0,
  headClasses: 5,
} as const satisfies SegmenterOptions

function withNetwork<T>(
  options: Partial<SegmenterOptions>,
  body: (network: Segmenter) => T,
  { seed = 3 } = {},
): T {
  manualSeed(seed)
  const network = new Segmenter({ ...SMALL, ...options })
  try {
    return scope(() => body(network))
  } finally {
    network.dispose()
  }
}

function difference(a: Tensor, b: Tensor): number {
  expect(a.shape).toEqual(b.shape)
  return a.elements === 0 ? 0 : ops.amax(ops.abs(a.sub(b))).item()
}

test('the state dict is the published one, name by name', () => {
  const list = new URL('../../../test/parity/names/weaktr_segmenter_n21.txt', import.meta.url)
  const published = readFileSync(list, 'utf8').trim().split('\n').sort()
  const ours = withNetwork({ ...deit['deit-s'], labels: 21, imageSize: 480, headClasses: 1000 }, network =>
    [...network.stateDict()].map(([name, { shape }]) => {
      const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
      return `${name} (${extents})`
    }),
  )
  expect(ours.sort()).toEqual(published)
})

test('weights are drawn as the original draws them', () => {
  withNetwork({ ...deit['deit-ti'], imageSize: 64, headClasses: 1000 }, network => {
    const state = network.stateDict()
    const deviation = (name: string): number => {
      const values = state.get(name)!.toFloat32Array()
      return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
    }
    for (const name of [
      'encoder.pos_embed',
      'encoder.head.weight',
      'encoder.blocks.3.attn.qkv.weight',
      'decoder.proj_dec.weight',
      'decoder.cls_emb',
    ])
      expect(deviation(name), name).toBeCloseTo(0.02, 2)
    for (const name of ['decoder.proj_patch', 'decoder.proj_classes'])
      expect(deviation(name), name).toBeCloseTo(192 ** -0.5, 2)
    expect(deviation('encoder.patch_embed.proj.weight')).toBeCloseTo(Math.sqrt(1 / (3 * 3 * 16 * 16)), 3)
    for (const [name, value] of state) {
      const [gain, shift] = [/norm\d?\.weight$/, /(norm\d?|qkv|proj_dec|fc\d|head)\.bias$/]
      if (!gain.test(name) && !shift.test(name)) continue
      expect(new Set(value.toFloat32Array()), name).toEqual(new Set([gain.test(name) ? 1 : 0]))
    }
  })
})

test('logits have the size of the image, whatever it is; what is missing to whole patches is zero', () => {
  const side = fc.integer({ min: 1, max: 23 })
  withNetwork({}, network => {
    network.eval()
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 2 }), (height, width, batch) =>
        noGrad(() =>
          scope(() => {
            const images = ops.randn([batch, 3, height, width])
            const [below, right] = [(4 - (height % 4)) % 4, (4 - (width % 4)) % 4]
            const padded = network.logits(ops.constantPadNd(images, [0, right, 0, below])).last
            const logits = network.logits(images).last
            expect(difference(logits, padded.narrow(2, 0, height).narrow(3, 0, width))).toBeLessThan(1e-5)
          }),
        ),
      ),
      { numRuns: 20 },
    )
  })
})

test('for a loss that spreads them, logits come by patches where whole ones cover the image', () => {
  withNetwork({}, network => {
    network.eval()
    const [whole, cut] = [ops.randn([1, 3, 12, 8]), ops.randn([1, 3, 13, 8])]
    const coarse = noGrad(() => network.forward(whole))
    expect(coarse.shape).toEqual([1, 3, 3, 2])
    const spread = ops.upsampleBilinear2d(coarse, [12, 8], false)
    expect(difference(spread, noGrad(() => network.logits(whole)).last)).toBe(0)
    expect(noGrad(() => network.forward(cut)).shape).toEqual([1, 3, 13, 8])
  })
})

test('logits of a patch are normalised over the labels', () => {
  withNetwork({ labels: 6 }, network => {
    const masks = noGrad(() => {
      const tokens = ops.randn([1, 4, 8])
      return network.eval().decoder.forward(tokens, { rows: 2, columns: 2 }).last
    })
    expect(difference(masks.mean(1), ops.zeros([1, 2, 2]))).toBeLessThan(1e-5)
  })
})

test('all but the classifier of the encoder learns', () => {
  withNetwork({}, network => {
    backward(
      network
        .train()
        .forward(ops.randn([2, 3, 16, 16]))
        .mul(ops.randn([2, 3, 4, 4]))
        .sum(),
    )
    const idle = [...network.parameters()].flatMap(([name, { grad }]) => (grad === undefined ? [name] : []))
    expect(idle).toEqual(['encoder.head.weight', 'encoder.head.bias'])
  })
})

test('dropout acts in the decoder alone, and in training alone', () => {
  withNetwork({ decoder: { dropout: 0.5 } }, network => {
    const images = ops.randn([1, 3, 16, 16])
    const twice = (run: () => Tensor): number => noGrad(() => difference(run(), run()))
    network.train()
    expect(twice(() => network.forward(images))).toBeGreaterThan(1e-3)
    expect(twice(() => network.encoder.encode(images))).toBe(0)
    network.eval()
    expect(twice(() => network.forward(images))).toBe(0)
  })
})

// a processor that does not multiply in bfloat16 also adds in it: precision auto never chooses it there
const inBf16 = test.skipIf(!multipliesInBf16(readFileSync('/proc/cpuinfo', 'utf8')))

inBf16('in bf16 logits and gradients are those of fp32 but for rounding, and logits are float32', () => {
  const length = (tensor: Tensor): number => Math.hypot(...tensor.toFloat32Array())
  /** Relative errors of the logits and of two gradients, in a network of its own. */
  const errors = (seed: number): number[] =>
    withNetwork(
      { embedDim: 32, decoder: { dropout: 0 } },
      network => {
        const [images, factors] = [ops.randn([2, 3, 16, 16]), ops.randn([2, 3, 4, 4])]
        const run = (precision: Precision): Tensor[] => {
          for (const parameter of network.parameters().values()) parameter.grad = undefined
          const logits = autocast({ precision }, () => network.forward(images))
          expect(logits.dtype).toBe('float32')
          backward(logits.mul(factors).sum())
          return [logits, network.encoder.posEmbed.grad!, network.decoder.projClasses.grad!]
        }
        const [exact, low] = [run('fp32'), run('bf16')]
        return exact.map((want, i) => length(low[i]!.sub(want)) / length(want))
      },
      { seed },
    )
  const all = Array.from({ length: 9 }, (_, seed) => errors(seed))
  for (const [i, bound] of [0.02, 0.12, 0.12].entries())
    expect(all.map(one => one[i]!).sort((a, b) => a - b)[4]).toBeLessThan(bound) // the median: one in twenty is beyond
})

test('groups: each layer without decay and with; the encoder slower, its first layers slowest', () => {
  withNetwork({}, network => {
    const groups = segmenterGroups(network, { weightDecay: 0.01, encoderLr: 0.1, layerDecay: 0.5 })
    const all = groups.flatMap(({ parameters }) => [...parameters.keys()])
    expect(all.sort()).toEqual([...network.parameters().keys()].sort())
    const of = (name: string) => groups.find(({ parameters }) => parameters.has(name))!
    const scales = [
      'encoder.cls_token',
      'encoder.blocks.0.norm1.bias',
      'encoder.blocks.1.mlp.fc1.weight',
      'encoder.norm.bias',
      'decoder.cls_emb',
    ]
    expect(scales.map(name => of(name).lrScale)).toEqual([0.0125, 0.025, 0.05, 0.1, 1])
    const decays = [
      'encoder.pos_embed',
      'decoder.mask_norm.weight',
      'decoder.proj_patch',
      'encoder.head.weight',
    ]
    expect(decays.map(name => of(name).weightDecay)).toEqual([0, 0, 0.01, 0.01])
  })
})

describe('windows', () => {
  test('cover a side, end at its end, and are a stride apart at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 0, max: 200 }),
        fc.integer({ min: 1, max: 80 }),
        (window, more, stride) => {
          const anchors = windowAnchors(window + more, { window, stride })
          expect(anchors[0]).toBe(0)
          expect(anchors.at(-1)).toBe(more)
          for (const [i, anchor] of anchors.slice(1).entries()) {
            expect(anchor).toBeGreaterThan(anchors[i]!)
            expect(anchor - anchors[i]!).toBeLessThanOrEqual(stride)
          }
        },
      ),
    )
  })

  test('small views are enlarged to the window, in their shape; strips to no more than 16 windows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), (height, width) => {
        const size = enlargedSize({ height, width }, 48)
        expect(Math.min(size.height, size.width)).toBe(Math.max(48, Math.min(height, width)))
        const [long, short] = [Math.max(height, width), Math.min(height, width)]
        if (short >= 48 || long / short <= 16) expect(size.height / size.width).toBeCloseTo(height / width, 0)
        else expect(Math.max(size.height, size.width)).toBe(Math.max(long, 16 * 48))
      }),
    )
  })

  test('one window over the whole image is the network itself; its flip counts as much', () => {
    withNetwork({}, network => {
      network.eval()
      const image = ops.randn([1, 3, 16, 16])
      const size = { width: 16, height: 16 }
      const plain = noGrad(() => ops.softmax(network.logits(image).last, 1))
      const mirrored = noGrad(() => ops.softmax(network.logits(image.flip(-1)).last, 1).flip(-1))
      const options = { window: 16, stride: 16 }
      const one = windowScores(network, [image], size, { ...options, flip: false })
      expect(difference(one.last, plain)).toBeLessThan(1e-6)
      expect(one.early).toBeUndefined()
      const both = windowScores(network, [image], size, options)
      expect(difference(both.last, plain.add(mirrored).div(2))).toBeLessThan(1e-6)
    })
  })

  test('one window over the whole view is the network itself, whatever the shape; small views stay small', () => {
    withNetwork({}, network => {
      network.eval()
      const [image, small] = [ops.randn([1, 3, 21, 34]), ops.randn([1, 3, 8, 13])]
      const size = { width: 34, height: 21 }
      const options = { window: 'whole', stride: 8, flip: false } as const
      const plain = noGrad(() => ops.softmax(network.logits(image).last, 1))
      expect(difference(windowScores(network, [image], size, options).last, plain)).toBeLessThan(1e-6)
      const spread = noGrad(() =>
        ops.softmax(ops.upsampleBilinear2d(network.logits(small).last, [21, 34], false), 1),
      )
      expect(difference(windowScores(network, [small], size, options).last, spread)).toBeLessThan(1e-6)
    })
  })

  test('views of an image have the requested sizes, by its shorter side', () => {
    withNetwork({}, network => {
      const image = ops.randn([1, 3, 20, 30])
      const size = { width: 30, height: 20 }
      const options = { window: 16, stride: 8, blockEnsemble: 0 }
      const views = [[16, 24] as const, [24, 36] as const].map(shape =>
        ops.upsampleBilinear2d(image, shape, false),
      )
      const wanted = windowScores(network.eval(), views, size, options).last
      const { single, multi } = segmenterProbabilities(network, image, {
        ...options,
        scales: [1, 1.5],
        flip: true,
        shortSide: 16,
      })
      expect(difference(multi, wanted)).toBeLessThan(1e-6)
      const alone = windowScores(network, [views[0]!], size, { ...options, flip: false }).last
      expect(difference(single, alone)).toBeLessThan(1e-6)
      const own = segmenterProbabilities(network, image, {
        ...options,
        scales: [1],
        flip: false,
        shortSide: null,
      })
      expect(
        difference(own.multi, windowScores(network, [image], size, { ...options, flip: false }).last),
      ).toBe(0)
    })
  })

  test('the block ensemble adds up to one and the weight; without early masks it changes nothing', () => {
    withNetwork({}, network => {
      const images = [ops.randn([1, 3, 20, 31]), ops.randn([1, 3, 10, 15])]
      const size = { width: 31, height: 20 }
      const options = { window: 16, stride: 8, withEarly: true }
      const scores = windowScores(network.eval(), images, size, options)
      const total = mixBlocks(scores, { weight: 0.8 }).sum(1)
      expect(difference(total, ops.ones([1, 20, 31]).mul(1.8))).toBeLessThan(1e-5)
      expect(difference(scores.last, scores.early!)).toBeGreaterThan(1e-3)
      expect(mixBlocks({ last: scores.last, early: undefined }, { weight: 0.8 })).toBe(scores.last)
    })
  })
})
