/** @file Parity of the edge network, its loss and gradients with train_affinitynet.py and core/affinitynet.py of SemFormer. */
import { z } from 'zod'
import { RESNET50_STRIDES, stageName } from '../../../src/models/resnet50/index.ts'
import { pairLabels } from '../../../src/refine/affinity/index.ts'
import {
  EdgeNet,
  edgeLosses,
  imageEdges,
  pathAffinity,
  resnet50Backbone,
} from '../../../src/refine/edge-walk/index.ts'
import { backward, fromData, noGrad, ops, scope, type Tensor, tensor } from '../../../src/torch/index.ts'
import { compareOutputs, compareTensor, TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, mismatch } from '../comparison.ts'
import {
  type CheckOptions,
  type Fixture,
  type Kind,
  parseConfig,
  tensorOf,
  tensorsUnder,
} from '../fixture.ts'
import { byPathLength, codeCounts, pathColumns } from './edge-paths.ts'
import { weightsByRule } from './resnet38-rule.ts'

export const semformerAffinity: Kind = {
  name: 'SemFormer edge network',
  matches: ({ source, has }) => /core\/affinitynet\.py/.test(source) && has('eval.edge_map'),
  check,
}

const config = z.object({
  resnet_layers: z.tuple([z.int(), z.int(), z.int(), z.int()]),
  radius: z.int().min(2),
  group_norm_groups: z.literal(4),
  bn_eps: z.literal(1e-5),
  loss_eps: z.literal(1e-5),
  weights: z.literal('procedural'),
  shapes: z.record(z.string(), z.array(z.int())),
})

const SIDE = 128 // image_size of get_edge in the file's note
const CHANNEL_EVERY = 64 // of train.x5s

function check(fixture: Fixture, options: CheckOptions): Comparison[] {
  const { resnet_layers: blocks, radius, shapes } = parseConfig(fixture, config)
  const network = new EdgeNet(resnet50Backbone({ blocks }))
  try {
    const misnamed = fill(network, shapes)
    network.to(options.device)
    return [...misnamed, ...scope(() => checkNetwork(fixture, network, { radius, ...options }))]
  } finally {
    network.dispose()
  }
}

/** Weights by the rule of the files' README, under their published names, of which there are no others. */
function fill(network: EdgeNet, shapes: Readonly<Record<string, readonly number[]>>): Comparison[] {
  const rule = { rule: 'sin', gains: { '': 1 }, bn_eps: 1e-5 } as const
  const left = new Map(Object.entries(shapes))
  noGrad(() => {
    for (const [name, target] of network.stateDict()) {
      if (name.endsWith('num_batches_tracked')) continue
      const published = stageName(name)
      if (left.get(published)?.join() !== target.shape.join()) left.set(`${published} [${target.shape}]`, [])
      else left.delete(published)
      const { shape } = target
      scope(() => ops.copy_(target, tensor(weightsByRule(published, { shape, rule }), shape)))
    }
  })
  return left.size === 0
    ? [compareExact('config.shapes', [], [])]
    : [mismatch('config.shapes', [...left.keys()].join())]
}

function checkNetwork(
  fixture: Fixture,
  network: EdgeNet,
  { radius, device }: CheckOptions & { radius: number },
): Comparison[] {
  const images = fromData(tensorOf(fixture, 'in.images')).to({ device })
  const label = tensorOf(fixture, 'in.label')
  const [, rows, columns] = label.shape as [number, number, number]
  const codes = pairLabels(label.data, { rows, columns }, { radius })
  const outputs = new Map<string, Tensor>()
  const one = (value: Tensor | number): Tensor =>
    typeof value === 'number' ? tensor([value]) : value.detach().reshape(1)

  const map = imageEdges(network.eval(), images.narrow(0, 0, 1), { side: SIDE })
  outputs.set('eval.edge_map', map.reshape(1, rows, columns))
  const maps = noGrad(() => network.backbone.forward(images))
  for (const i of RESNET50_STRIDES.keys()) outputs.set(`train.x${i + 1}`, one(maps[i]!.abs().mean()))
  outputs.set('train.x5s', ops.slice(maps.at(-1)!, { dim: 1, step: CHANNEL_EVERY }))

  const logits = network.train().forward(images)
  const edges = logits.sigmoid()
  const affinity = pathAffinity(edges.detach(), { radius })
  const { total, parts } = edgeLosses(edges, codes, { radius })
  backward(total)
  outputs.set('train.edge', logits.detach())
  outputs.set('train.aff', pathColumns(affinity, { radius }))
  const counts = codeCounts(codes)
  outputs.set('train.bg_pos', one(counts.background))
  outputs.set('train.fg_pos', one(counts.foreground))
  outputs.set('train.neg', one(counts.different))
  outputs.set('loss.bg', one(parts['background loss']!))
  outputs.set('loss.fg', one(parts['foreground loss']!))
  outputs.set('loss.neg', one(parts['difference loss']!))
  outputs.set('loss.total', one(total))
  const parameters = network.parameters()
  const moved = [...parameters].filter(([, { grad }]) => grad !== undefined).map(([name]) => name)
  return [
    ...compareOutputs(fixture, outputs),
    compareExact('trained', [Number(moved.every(name => network.head.parameters().has(name)))], [1]),
    ...[...tensorsUnder(fixture, 'grad.')].map(([name, want]) => {
      const gradient = parameters.get(name)?.grad
      if (gradient === undefined) return mismatch(`grad.${name}`, 'has no gradient')
      return compareTensor(`grad.${name}`, gradient, want, { tolerance: TOLERANCE.gradient })
    }),
    compareExact('paths', [byPathLength(radius).length], [tensorOf(fixture, 'train.aff').shape[1]!]),
  ]
}
