import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InputError } from '../../errors.ts'
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
import { multiScaleCams } from '../multi-scale.ts'
import { loadPretrained } from './adapt.ts'
import type { AdaptiveAttentionFusion, HeadFusionOptions } from './fusion.ts'
import { buildWeaktr } from './index.ts'
import { weaktrLosses } from './losses.ts'
import { forwardKeeping, spreadCams, weaktrCams } from './maps.ts'
import { Weaktr, type WeaktrOptions, type WeaktrOutput } from './model.ts'
import { weaktrModelRecipe } from './recipe.ts'

const shapes = fc.record({
  numClasses: fc.integer({ min: 1, max: 5 }),
  patchSize: fc.integer({ min: 2, max: 4 }),
  depth: fc.integer({ min: 1, max: 3 }),
  heads: fc.integer({ min: 1, max: 3 }),
  batch: fc.integer({ min: 1, max: 3 }),
  side: fc.integer({ min: 1, max: 4 }),
  /** Pixels beyond the training crop, down and across. */
  extra: fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 })),
})
type Sizes = typeof shapes extends fc.Arbitrary<infer T> ? T : never

const FUSIONS = [
  { kind: 'aaf', generation: 'v1', pool: 'max' },
  { kind: 'aaf', generation: 'v2', pool: 'max' },
  { kind: 'aaf', generation: 'v3', pool: 'max' },
  { kind: 'aaf', generation: 'v3', pool: 'avg' },
  { kind: 'mean-sum' },
] as const satisfies readonly HeadFusionOptions[]

function build(fusion: HeadFusionOptions, { numClasses, patchSize, depth, heads, side }: Sizes): PlainWeaktr {
  const options: WeaktrOptions = {
    numClasses,
    patchSize,
    depth,
    heads,
    imageSize: side * patchSize,
    embedDim: 4 * heads,
    mlpRatio: 2,
    dropPath: 0.3,
    fusion: fusion.kind === 'aaf' ? { ...fusion, reduction: 1, featReduction: 2 } : fusion,
  }
  const network = new PlainWeaktr(options)
  // Attention far from uniform, every bias something: a swapped axis must show.
  noGrad(() => {
    for (const [name, value] of network.parameters())
      if (!name.startsWith('norm.')) ops.normal_(value, { std: 0.5 })
  })
  return network
}

/** A batch of images somewhat larger than the training crop, and tags. */
function batchFor({ batch, numClasses, side, patchSize, extra }: Sizes): { images: Tensor; targets: Tensor } {
  const [height, width] = [side * patchSize + extra[0], side * patchSize + extra[1]]
  const tags = Float32Array.from({ length: batch * numClasses }, (_, i) => (i + 1) % 2)
  return { images: ops.randn([batch, 3, height, width]), targets: tensor(tags, [batch, numClasses]) }
}

const values = (x: Tensor): number[] => [...x.toFloat32Array()]

const largest = (x: Tensor): number => Math.max(...values(x).map(Math.abs))

function expectClose(got: Tensor, want: Tensor, label: string, scale = Math.max(1e-6, largest(want))): void {
  expect(got.shape, label).toEqual(want.shape)
  const [a, b] = [values(got), values(want)]
  expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!) / scale)), label).toBeLessThan(1e-4)
}

interface Plain extends Omit<WeaktrOutput, 'responses'> {
  /** The fused attention [B, N, N], class tokens first. */
  readonly fused: Tensor
}

/** The network as its authors write it: the attention of all layers kept, weighted, averaged (models.py, AAF.py). */
class PlainWeaktr extends Weaktr {
  plain(images: Tensor): Plain {
    const { numClasses, heads, blocks, adaptiveAttentionFusion: fusion } = this
    const grid = this.grid(images)
    const patches = grid.rows * grid.columns
    const [batch, depth, length] = [images.size(0), blocks.length, numClasses + patches]
    const width = this.clsToken.size(2)
    const attention = ops.zeros([batch, heads, depth, length, length])
    const features = ops.zeros([depth, batch, length, width])
    const keepFeatures = (x: Tensor, layer: number): void =>
      noGrad(() => void ops.copy_(features.select(0, layer), x))
    const tokens = this.tokens(images, {
      attention: ({ weights }, layer) => void ops.copy_(attention.select(2, layer), weights),
      [fusion?.generation === 'v2' ? 'output' : 'branch']: keepFeatures,
    })
    const flat = attention.reshape(batch, heads * depth, length, length)
    const perHead = features
      .reshape(depth, batch, length, width / heads, heads)
      .permute(1, 4, 0, 2, 3)
      .reshape(batch, heads * depth, length, width / heads)
    const headWeights = fusion
      ? headWeightsOf(fusion, fusion.generation === 'v1' ? flat : perHead)
      : ops.full([batch, heads * depth], depth)
    const fused = flat.mul(headWeights.reshape(batch, -1, 1, 1)).mean(1)
    const attended = fused.narrow(1, 0, numClasses).narrow(2, numClasses, patches)
    const affinity = fused.narrow(1, numClasses, patches).narrow(2, numClasses, patches)
    const responses = this.responses(this.head, tokens, grid)
    const cams = responses.detach().relu().reshape(batch, numClasses, patches).mul(attended)
    return {
      classLogits: tokens.narrow(1, 0, numClasses).mean(-1),
      coarseLogits: responses.mean([2, 3]),
      fineLogits: cams.matmul(affinity.transpose(1, 2)).mean(-1),
      attended: attended.reshape(batch, numClasses, grid.rows, grid.columns),
      headWeights,
      fused,
    }
  }
}

/** x [B, heads * depth, N, N or d] */
function headWeightsOf({ pool, fc, attnHeadFfn, attnFeatFfn }: AdaptiveAttentionFusion, x: Tensor): Tensor {
  const [batch, all] = x.shape as [number, number]
  const axes = fc === undefined ? [2] : [2, 3]
  const pooled = pool === 'max' ? ops.amax(x, { dim: axes }) : x.mean(axes)
  const each = attnFeatFfn === undefined ? pooled : attnFeatFfn[1]!.forward(attnFeatFfn[0]!.forward(pooled))
  const among = (fc ?? attnHeadFfn)!
  return among[2]!.forward(among[0]!.forward(each.reshape(batch, all)).relu()).sigmoid()
}

function gradientsOf(network: Weaktr, loss: Tensor): Map<string, Tensor | undefined> {
  backward(loss)
  const gradients = new Map([...network.parameters()].map(([name, { grad }]) => [name, grad]))
  for (const parameter of network.parameters().values()) parameter.grad = undefined
  return gradients
}

/** Of the gradients of a layer: what is added up to that of its bias may cancel out, and leaves its rounding. */
function scaleOf(gradients: ReadonlyMap<string, Tensor | undefined>, name: string): number {
  const layer = name.slice(0, name.lastIndexOf('.') + 1)
  const own = [...gradients].filter(
    ([other]) => other.startsWith(layer) && !other.slice(layer.length).includes('.'),
  )
  return Math.max(1e-6, ...own.map(([, gradient]) => (gradient === undefined ? 0 : largest(gradient))))
}

describe.for(FUSIONS)('%o, of any size', fusion => {
  test('is what the authors write, and so are its gradients', () => {
    fc.assert(
      fc.property(shapes, sizes => {
        const before = memory().live
        manualSeed(sizes.depth)
        const network = build(fusion, sizes).train()
        scope(() => {
          const { images, targets } = batchFor(sizes)
          manualSeed(3) // for drop-path
          const got = network.forward(images)
          manualSeed(3)
          const want = network.plain(images)
          for (const name of [
            'classLogits',
            'coarseLogits',
            'fineLogits',
            'attended',
            'headWeights',
          ] as const)
            expectClose(got[name], want[name], name)
          const ours = gradientsOf(network, weaktrLosses(got, targets).total)
          const theirs = gradientsOf(network, weaktrLosses({ ...got, ...want }, targets).total)
          for (const [name, gradient] of theirs) {
            if (gradient === undefined) expect(ours.get(name), name).toBeUndefined()
            else expectClose(ours.get(name)!, gradient, name, scaleOf(theirs, name))
          }
          const unused = [...theirs].filter(([, gradient]) => gradient === undefined)
          expect(unused.map(([name]) => name)).toEqual(['norm.weight', 'norm.bias'])
        })
        network.dispose()
        expect(memory().live).toBe(before)
      }),
      { numRuns: 12 },
    )
  })

  test('spreads maps along the fused patch attention that it never makes', () => {
    fc.assert(
      fc.property(shapes, sizes => {
        manualSeed(sizes.depth)
        const network = build(fusion, sizes).eval()
        scope(() =>
          noGrad(() => {
            const { numClasses, batch } = sizes
            const { images } = batchFor(sizes)
            const { fused } = network.plain(images)
            const { rows, columns } = network.grid(images)
            const patches = rows * columns
            const affinity = fused.narrow(1, numClasses, patches).narrow(2, numClasses, patches)
            const { output, projections } = forwardKeeping(network, images)
            const maps = ops.rand([batch, 2, rows, columns])
            const { headWeights } = output
            const flat = maps.reshape(batch, 2, patches)
            const along = flat.matmul(affinity.transpose(1, 2))
            expectClose(
              spreadCams(maps, { projections, headWeights }),
              along.reshape(...maps.shape),
              'published',
            )
            expectClose(
              spreadCams(maps, { projections, headWeights, affinity: 'transposed' }),
              along.add(flat.matmul(affinity)).reshape(...maps.shape),
              'transposed',
            )
          }),
        )
        network.dispose()
      }),
      { numRuns: 8 },
    )
  })

  test('maps are of the patch grid, and of the image once joined', () => {
    fc.assert(
      fc.property(shapes, fc.boolean(), (sizes, refine) => {
        const before = memory().live
        const network = build(fusion, sizes).eval()
        scope(() => {
          const { images } = batchFor(sizes)
          const { numClasses, batch } = sizes
          const { rows, columns } = network.grid(images)
          const [height, width] = images.shape.slice(-2) as [number, number]
          for (const attention of ['fused', 'mct', 'patchcam'] as const) {
            const { maps, logits } = noGrad(() => weaktrCams(network, images, { attention, refine }))
            expect(maps.shape).toEqual([batch, numClasses, rows, columns])
            expect(logits.shape).toEqual([batch, numClasses])
            expect(values(maps).every(value => value >= 0)).toBe(true)
          }
          const classMaps = (views: Tensor) => weaktrCams(network, views).maps
          const views = [images.narrow(0, 0, 1), ops.randn([1, 3, height + 5, width + 3])]
          const joined = multiScaleCams(classMaps, views, { classes: [numClasses - 1] })
          expect(joined.shape).toEqual([1, height, width])
          expect(values(joined).every(value => value >= 0 && value <= 1)).toBe(true)
        })
        network.dispose()
        expect(memory().live).toBe(before)
      }),
      { numRuns: 6 },
    )
  })
})

const sizes: Sizes = { numClasses: 3, patchSize: 2, depth: 2, heads: 2, batch: 2, side: 3, extra: [0, 0] }

test('the fine loss trains the fusion and nothing else', () => {
  manualSeed(1)
  const network = build({ kind: 'aaf' }, sizes).train()
  scope(() => {
    const gradients = gradientsOf(network, network.forward(batchFor(sizes).images).fineLogits.sum())
    const reached = [...gradients].filter(([, gradient]) => gradient !== undefined).map(([name]) => name)
    expect(reached).toEqual([
      'adaptive_attention_fusion.attn_head_ffn.0.weight',
      'adaptive_attention_fusion.attn_head_ffn.2.weight',
      'adaptive_attention_fusion.attn_feat_ffn.0.weight',
      'adaptive_attention_fusion.attn_feat_ffn.0.bias',
      'adaptive_attention_fusion.attn_feat_ffn.1.weight',
      'adaptive_attention_fusion.attn_feat_ffn.1.bias',
    ])
  })
  network.dispose()
})

test('in bf16 head weights and maps stay near those of fp32', () => {
  manualSeed(2)
  const network = build({ kind: 'aaf' }, sizes).eval()
  scope(() => {
    const { images } = batchFor(sizes)
    const [full, low] = (['fp32', 'bf16'] as const).map(precision =>
      noGrad(() => autocast({ precision }, () => weaktrCams(network, images))),
    )
    expect(low!.maps.dtype).toBe('float32')
    values(full!.headWeights).forEach((weight, i) => {
      expect(Math.abs(weight - values(low!.headWeights)[i]!)).toBeLessThan(0.05)
    })
  })
  network.dispose()
})

test('v1 with mean pooling weighs every head the same: rows of attention sum to 1', () => {
  manualSeed(4)
  const network = build({ kind: 'aaf', generation: 'v1', pool: 'avg' }, sizes).eval()
  scope(() => {
    const [first, second] = [1, 2].map(seed => {
      manualSeed(seed)
      return noGrad(() => network.forward(batchFor(sizes).images)).headWeights
    })
    expectClose(first!, second!, 'another image, the same weights')
  })
  network.dispose()
})

test('the state dict has the published names and shapes', async () => {
  const list = new URL('../../../test/parity/names/weaktr_cam_C20_r8.txt', import.meta.url)
  const published = (await readFile(list, 'utf8')).trim().split('\n')
  const network = new Weaktr({
    numClasses: 20,
    imageSize: 224,
    embedDim: 384,
    depth: 12,
    heads: 6,
    patchSize: 16,
    mlpRatio: 4,
    dropPath: 0.1,
  })
  const ours = [...network.stateDict()].map(
    ([name, { shape }]) => `${name} (${shape.join(', ')}${shape.length === 1 ? ',' : ''})`,
  )
  expect(ours).toEqual(published)
  network.dispose()
})

describe('weights of a file', () => {
  const weightsOf = (network: Weaktr) =>
    new Map([...network.stateDict()].map(([name, value]) => [name, value.toData()] as const))

  /** What loading weights of `from` into a network of `to` ends in. */
  function load(from: HeadFusionOptions, to: HeadFusionOptions, { without = /^$/ } = {}): unknown {
    const [source, target] = [build(from, sizes), build(to, sizes)]
    try {
      const weights = new Map([...weightsOf(source)].filter(([name]) => !without.test(name)))
      const adapted = loadPretrained(target, weights, { file: 'checkpoint_best.pth' })
      const same = [...weights].every(
        ([name, value]) => weightsOf(target).get(name)?.data.join() === value.data.join(),
      )
      return { ...adapted, same }
    } catch (error) {
      expect(error).toBeInstanceOf(InputError)
      return (error as Error).message
    } finally {
      for (const network of [source, target]) network.dispose()
    }
  }

  test.for(FUSIONS)('come back whole: %o', fusion => {
    expect(load(fusion, fusion)).toEqual({ missing: [], unexpected: [], same: true })
  })

  test('without a fusion leave it as drawn', () => {
    const found = load({ kind: 'aaf' }, { kind: 'aaf' }, { without: /^adaptive/ })
    expect(found).toMatchObject({ unexpected: [], same: true })
    expect((found as { missing: string[] }).missing).toHaveLength(6)
  })

  test('of another generation are refused by name', () => {
    expect(load({ kind: 'aaf', generation: 'v1' }, { kind: 'aaf' })).toMatch(
      /^checkpoint_best\.pth \(model\.fusion\): weights of another fusion of attention heads: fc\.0\.weight \[4,4\], fc\.2\.weight \[4,4\]; the recipe's has attn_feat_ffn\.0\.bias \[2\], .*v1 has fc/,
    )
    expect(load({ kind: 'aaf' }, { kind: 'mean-sum' })).toMatch(
      /; the recipe has mean-sum, which has no weights$/,
    )
  })
})

test('the fusion has its own learning rate, nothing else does', () => {
  const model = weaktrModelRecipe.parse({
    width: { embedDim: 16, depth: 1, heads: 2 },
    fusion: { kind: 'aaf', reduction: 1, featReduction: 2, lrScale: 0.1 },
  })
  const { network, parameterGroups } = buildWeaktr({ model, numClasses: 2 })
  try {
    const slower = parameterGroups({ weightDecay: 0.05, decays: 'all' }).filter(
      ({ lrScale }) => lrScale !== 1,
    )
    const names = slower.flatMap(({ parameters, lrScale }) =>
      [...parameters.keys()].map(name => [name.split('.')[0], lrScale]),
    )
    expect(names).toEqual(Array(6).fill(['adaptive_attention_fusion', 0.1]))
  } finally {
    network.dispose()
  }
})
