/** @file Parity of one iteration of AFA's scripts, refined labels given: outputs, CAMs, losses, running statistics, gradients. */
import { z } from 'zod'
import { nearPairs, PAIR } from '../../../src/methods/afa/affinity-labels.ts'
import { batchCams, camLabels, type ImageCams } from '../../../src/methods/afa/cams.ts'
import { type AfaLabelOptions, type AfaLossOptions, afaLosses } from '../../../src/methods/afa/index.ts'
import type { Afa } from '../../../src/methods/afa/model.ts'
import { propagateWithBackground, transitions } from '../../../src/methods/afa/propagation.ts'
import { trainingLabels } from '../../../src/methods/afa/training-labels.ts'
import { denormalisedImages } from '../../../src/refine/par/index.ts'
import { backward, fromData, noGrad, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { checkGradients } from '../gradients.ts'
import { allowRounding } from '../rounding.ts'
import { afaConfig, afaWeights, compareLabels, createAfa, isAfa } from './afa-network.ts'

/** Steps on the way to refined_aff_label, which is compared. */
const ON_THE_WAY = ['refined_aff_cam_l', 'refined_aff_label_l', 'refined_aff_label_h', 'refined_pseudo_label']

export const afaStep: Kind = {
  name: 'AFA training step',
  matches: content => isAfa(content, 'scripts/dist_train_voc.py train()'),
  check,
  inputs: ['voc', 'voc_mid', 'voc_early', 'coco'].flatMap(name =>
    ON_THE_WAY.map(label => `train.${name}.${label}`),
  ),
}

const config = afaConfig.extend({
  step: z.object({
    crop: z.int(),
    b: z.int(),
    radius: z.int(),
    boxes: z.array(z.tuple([z.int(), z.int(), z.int(), z.int()])),
    labels: z.array(z.array(z.int())),
  }),
  infer_size: z.int(),
  mask_size: z.int(),
  par: z.object({ num_iter: z.record(z.string(), z.int()) }),
  cam: z.object({ high_thre: z.number(), low_thre: z.number(), scales: z.array(z.number()) }),
  iterations: z.record(z.string(), z.int()),
  thresholds: z.record(z.string(), z.object({ cam_iters: z.int(), refined_from: z.int() })),
})
type Config = z.infer<typeof config>

/** One case of the file: which labels supervise what. */
interface Case {
  readonly name: string
  readonly iteration: number
  readonly losses: AfaLossOptions
  readonly labels: AfaLabelOptions
}

function casesOf({ iterations, thresholds, par, cam, step }: Config): Case[] {
  return Object.entries(iterations).map(([name, iteration]) => {
    const script = name.startsWith('coco') ? 'coco' : 'voc'
    const { cam_iters: start, refined_from: spreadStart } = thresholds[script]!
    const { scales, low_thre: low, high_thre: high } = cam
    const labels = { scales, low, high, radius: step.radius, iterations: par.num_iter[script]! }
    return {
      name,
      iteration,
      losses: { start: 0, ...(iteration <= start && { segmentation: 0, affinity: 0 }) },
      labels: { ...labels, spreadStart, spreadAffinity: script === 'coco' },
    }
  })
}

async function check(fixture: Fixture, { device }: CheckOptions): Promise<Comparison[]> {
  const settings = parseConfig(fixture, config)
  const weights = await afaWeights(fixture)
  const comparisons = casesOf(settings).flatMap(one => {
    const network = createAfa(settings)
    try {
      network.loadStateDict(weights)
      network.to(device).train()
      return scope(() => checkCase(network, fixture, { one, settings, device }))
    } finally {
      network.dispose()
    }
  })
  return allowRounding(fixture, comparisons)
}

interface Step extends CheckOptions {
  readonly one: Case
  readonly settings: Config
}

function checkCase(network: Afa, fixture: Fixture, { one, settings, device }: Step): Comparison[] {
  const given = (name: string): Tensor => fromData(tensorOf(fixture, name)).to({ device })
  const { name, iteration, losses, labels } = one
  const { crop, boxes } = settings.step
  const images = given('in.images')
  const batch = {
    images,
    targets: given('in.labels'),
    boxes: boxes.map(([top, bottom, left, right]) => ({
      x: left,
      y: top,
      width: right - left,
      height: bottom - top,
    })),
  }
  const { total, parts } = afaLosses(network, batch, { losses, labels, at: { step: iteration } })
  backward(total)
  const { runningMean, runningVar } = network.decoder.linearFuse.bn
  const statistics = [runningMean.clone(), runningVar.clone()] as const // what follows moves them
  const { classLogits, segLogits, affinity } = network.forward(images, { affinity: true })
  const cams = noGrad(() => madeOfCams(network, images, { one, settings, device }))
  const spread = iteration > labels.spreadStart!
  const { pairs, segmentation } = trainingLabels(
    network,
    {
      images,
      colours: denormalisedImages(images),
      classes: settings.step.labels.map(row => row.flatMap((tag, index) => (tag === 1 ? [index] : []))),
      boxes: boxes.map(([top, bottom, left, right]) => ({ top, bottom, left, right })),
    },
    { ...labels, spread: { segmentation: spread, affinity: spread && labels.spreadAffinity! } },
  )
  const outputs = new Map<string, Tensor>([
    [`loss.${name}.cls`, parts['class loss']!.reshape(1)],
    [`loss.${name}.seg`, parts['segmentation loss']!.reshape(1)],
    [`loss.${name}.aff`, parts['affinity loss']!.reshape(1)],
    [`loss.${name}.total`, total.reshape(1)],
    [`train.${name}.cls`, classLogits],
    [`train.${name}.segs`, ops.upsampleBilinear2d(segLogits, [crop, crop], false)],
    [`train.${name}.attn_pred`, affinity!],
    [`train.${name}.bn_mean`, statistics[0]],
    [`train.${name}.bn_var`, statistics[1]],
    ...cams.outputs,
  ])
  const counts = [
    [`loss.${name}.pos_count`, PAIR.same],
    [`loss.${name}.neg_count`, PAIR.different],
  ] as const
  const labelMaps = new Map([
    [`train.${name}.aff_label`, pairs],
    [`train.${name}.refined_aff_label`, segmentation],
    [`train.${name}.pseudo_label`, cams.pseudo],
    ...counts.map(([tensor, label]) => [tensor, pairs.eq(label).sum().add(1)] as const), // as the loss divides by
  ])
  return [
    ...compareOutputs(fixture, outputs),
    ...[...labelMaps].flatMap(([tensor, got]) =>
      fixture.tensors.has(tensor) ? [compareLabels(fixture, tensor, got)] : [],
    ),
    ...(name === 'voc' ? checkGradients(fixture, network.parameters(), { suffix: '' }) : []),
  ]
}

/** Of the CAM passes: maps of all classes, affinity of images and flips, labels by thresholds, the walk of the low threshold. */
function madeOfCams(
  network: Afa,
  images: Tensor,
  { one: { name }, settings }: Step,
): { readonly outputs: readonly (readonly [string, Tensor])[]; readonly pseudo: Tensor } {
  const { crop, radius, boxes, labels } = settings.step
  const { scales, low_thre: low, high_thre: high } = settings.cam
  const every = labels.map(row => row.map((_, index) => index))
  const { images: all, affinity } = batchCams(network, images, { classes: every, scales })
  const size = Math.trunc(Math.max(...scales) * crop)
  const flips = ops.upsampleBilinear2d(images, [size, size], false).flip(-1)
  const { affinity: mirrored } = network.cams(flips, { affinityOf: labels.length, observe: false })
  const tagged = all.map(({ cams }, image): ImageCams => {
    const classes = every[image]!.filter(index => labels[image]![index] === 1)
    return { classes, cams: ops.cat(classes.map(index => cams.narrow(0, index, 1))) }
  })
  const side = settings.infer_size
  const near = nearPairs({ rows: side, columns: side }, { radius })
  const walk = transitions(affinity!, { near })
  const spread = tagged.map(({ classes, cams }, image) => {
    const maps = propagateWithBackground(cams, walk.select(0, image), { background: low, size: [side, side] })
    const placed = ops.zeros([settings.num_classes, side, side], { device: images.device })
    for (const [i, label] of [0, ...classes.map(index => index + 1)].entries())
      ops.copy_(placed.select(0, label), maps.select(0, i))
    return placed
  })
  const pseudo = tagged.map((cams, image) => {
    const [top, bottom, left, right] = boxes[image]!
    return camLabels(cams, { uncertain: { low, high }, box: { top, bottom, left, right } })
  })
  return {
    outputs: [
      [`train.${name}.cams`, ops.stack(all.map(({ cams }) => cams))],
      [`train.${name}.aff_mat`, ops.cat([affinity!, mirrored!])],
      [`train.${name}.aff_cam_l`, ops.upsampleBilinear2d(ops.stack(spread), [crop, crop], false)],
    ],
    pseudo: ops.stack(pseudo),
  }
}
