/**
 * @file One step of each loss on the images of a batch, alone or as one of several processes (RANK, WORLD_SIZE): prints losses
 * and updated parameters as JSON. Run by shared-steps.test.ts.
 */
import { affinityLoss, segmentationHalves } from '../../src/methods/afa/losses.ts'
import { complementLoss } from '../../src/methods/semformer/activation-losses.ts'
import { countPairs, pairsOf } from '../../src/methods/semformer/pairs.ts'
import { gradientClippingLoss, segmentationLoss } from '../../src/models/segmentation/index.ts'
import { BatchNorm2d, type Losses, Module, multilabelSoftMargin, Parameter } from '../../src/nn/index.ts'
import { sgd } from '../../src/optim/index.ts'
import { affinityLosses } from '../../src/refine/affinity/losses.ts'
import { edgeLosses } from '../../src/refine/edge-walk/losses.ts'
import { batchSums, manualSeed, ops, sumFactor, type Tensor, tensor } from '../../src/torch/index.ts'
import { processPlace } from '../../src/train/parallel/environment.ts'
import { joinProcesses, type Processes } from '../../src/train/parallel/processes.ts'
import { openSharedSteps } from '../../src/train/parallel/shared-steps.ts'
import { openSteps } from '../../src/train/step.ts'

const IMAGES = 5 // two processes have 2 and 3
const [CLASSES, SIDE] = [3, 8]

/** What every loss is computed from: the images' maps, scaled and shifted by what is learned. */
class Learned extends Module {
  readonly scale = new Parameter(tensor([1, 0.7, 1.2], [CLASSES, 1, 1]))
  readonly shift = new Parameter(tensor([0.1, -0.2, 0.3], [CLASSES, 1, 1]))
  /** Has no gradient in any process. */
  readonly unused = new Parameter(tensor([1]))
  readonly norm = new BatchNorm2d({ features: CLASSES })

  maps(images: Tensor): Tensor {
    return images.mul(this.scale).add(this.shift)
  }
}

interface Part {
  readonly first: number
  readonly count: number
}

type Case = (network: Learned, images: Tensor, part: Part) => Losses

const only = (total: Tensor): Losses => ({ total, parts: {} })
const rowsOf = (all: Tensor, { first, count }: Part): Tensor => all.narrow(0, first, count)

// counts differ from image to image, so that a mean of means would be another number
function labelsOf(part: Part): Tensor {
  const values = Array.from({ length: IMAGES * SIDE * SIDE }, (_, i) => {
    const image = Math.floor(i / SIDE ** 2)
    return i % (image + 2) === 0 ? (i * 7) % CLASSES : 255
  })
  return rowsOf(tensor(values, [IMAGES, SIDE, SIDE]).to({ dtype: 'int64' }), part)
}

function codesOf(part: Part, { offsets, side }: { offsets: number; side: number }): Uint8Array {
  const each = offsets * side ** 2
  const all = Uint8Array.from({ length: IMAGES * each }, (_, i) => (i * (1 + Math.floor(i / each))) % 4)
  return all.subarray(part.first * each, (part.first + part.count) * each)
}

const PRESENT = [[0, 1], [0, 1, 2], [0], [0, 2], [0, 1, 2]]

const CASES: Readonly<Record<string, Case>> = {
  tags: (network, images, part) => {
    const logits = network.maps(images).mean([2, 3])
    const targets = tensor(
      Array.from({ length: IMAGES * CLASSES }, (_, i) => (i * 5) % 2),
      [IMAGES, CLASSES],
    )
    return only(multilabelSoftMargin(logits, rowsOf(targets, part)))
  },
  segmentation: (network, images, part) => only(segmentationLoss(network.maps(images), labelsOf(part))),
  clipping: (network, images, part) =>
    only(gradientClippingLoss(network.maps(images), labelsOf(part), { startValue: 9, patchSize: 4 }).total),
  halves: (network, images, part) => only(segmentationHalves(network.maps(images), labelsOf(part))),
  'afa affinity': (network, images, part) => {
    const affinity = network.maps(images).mean([1]).sigmoid() // [B, S, S]
    return only(affinityLoss(affinity, labelsOf(part)))
  },
  affinity: (network, images, part) => {
    const affinity = network.maps(images).sigmoid() // as if the classes were offsets
    const codes = codesOf(part, { offsets: CLASSES, side: SIDE })
    return affinityLosses(
      affinity,
      tensor([...codes], [part.count, CLASSES, SIDE, SIDE]).to({ dtype: 'uint8' }),
    )
  },
  edges: (network, images, part) => {
    const edges = network.maps(images).mean([1]).sigmoid().unsqueeze(1)
    return edgeLosses(edges, codesOf(part, { offsets: 4, side: SIDE }), { radius: 2 })
  },
  complement: (network, images, part) => {
    const present = PRESENT.slice(part.first, part.first + part.count)
    return only(complementLoss(network.maps(images).sigmoid(), { present }))
  },
  pairs: (network, images, part) => {
    const present = PRESENT.slice(part.first, part.first + part.count)
    const own = countPairs(present)
    const [pairs, others] = batchSums([own.pairs, own.others]) as [number, number]
    const {
      images: of,
      weights,
      constant,
    } = pairsOf(present, {
      numClasses: CLASSES,
      counts: { pairs, others, factor: sumFactor() },
    })
    const similar = ops.indexSelect(
      network.maps(images).mean([2, 3]),
      0,
      tensor([...of]).to({ dtype: 'int64' }),
    )
    return only(
      similar
        .mul(tensor(weights, [of.length, CLASSES]))
        .sum()
        .add(constant),
    )
  },
  'batch norm': (network, images, part) => {
    network.norm.synchronised = true
    const normal = network.norm.forward(network.maps(images))
    const targets = rowsOf(tensor(Array.from({ length: IMAGES }, (_, i) => i)), part)
    return only(normal.mul(normal).mul(normal).mean([1, 2, 3]).mul(targets).mean())
  },
}

async function runCases(processes: Processes | undefined): Promise<Record<string, unknown>> {
  const { rank = 0, size = 1 } = processes ?? {}
  const [from, to] = [rank, rank + 1].map(at => Math.floor((at * IMAGES) / size)) as [number, number]
  const part = { first: from, count: to - from }
  manualSeed(1)
  const all = ops.randn([IMAGES, CLASSES, SIDE, SIDE])
  const results: Record<string, unknown> = {}
  for (const [name, losses] of Object.entries(CASES)) {
    const network = new Learned()
    const optimiser = sgd([{ parameters: network.parameters(), weightDecay: 0.1 }])
    const options = {
      network,
      optimiser,
      precision: 'fp32',
      device: 'cpu',
      losses: () => losses(network, rowsOf(all, part), part),
      signal: new AbortController().signal,
    } as const
    const steps = processes === undefined ? openSteps(options) : openSharedSteps(options, processes)
    const batch = { index: 0, size: part.count }
    for (const step of [0, 1]) {
      const done = await steps.take(batch, { at: { epoch: 0, step }, lr: 0.1 })
      results[`${name}, loss ${step}`] = done!.losses.loss
      results[`${name}, images`] = done!.images
    }
    for (const [key, value] of network.stateDict()) results[`${name}, ${key}`] = [...value.toFloat32Array()]
    steps.close()
  }
  return results
}

const place = processPlace(process.env)
const processes = place === undefined ? undefined : await joinProcesses(place)
const results = await (processes === undefined
  ? runCases(undefined)
  : processes.during(() => runCases(processes)))
process.stdout.write(JSON.stringify(results))
