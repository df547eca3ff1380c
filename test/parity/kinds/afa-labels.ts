/** @file Parity of AFA's label making with camutils.py: labels by thresholds, pairs, propagation, and the losses on them. */
import { z } from 'zod'
import { labelColour } from '../../../src/io/label-legend.ts'
import { toFloat64Array } from '../../../src/io/tensor-data.ts'
import { affinityLabels, nearPairs, PAIR } from '../../../src/methods/afa/affinity-labels.ts'
import { type CamLabelOptions, camLabels, type ImageCams } from '../../../src/methods/afa/cams.ts'
import { affinityLoss, segmentationHalves } from '../../../src/methods/afa/losses.ts'
import { propagate, propagateWithBackground, transitions } from '../../../src/methods/afa/propagation.ts'
import { type ImageBox, insideBox } from '../../../src/refine/image-box.ts'
import { backward, fromData, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareTensor, TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { scores } from './afa-inference.ts'
import { compareLabels, isAfa } from './afa-network.ts'
import { checkRefinedLabels } from './afa-refined-labels.ts'

/** Dead code with a CRF. */
const OTHERS = ['out.fg_bg']

export const afaLabels: Kind = {
  name: 'AFA labels and losses',
  matches: content => isAfa(content, 'utils/camutils.py, utils/imutils.py'),
  check,
  inputs: OTHERS,
}

const config = z.object({
  b: z.int(),
  c: z.int(),
  h: z.int(),
  w: z.int(),
  radius: z.int(),
  bkg_score: z.number(),
  high_thre: z.number(),
  low_thre: z.number(),
  ignore_index: z.literal(255),
  grid: z.tuple([z.int(), z.int()]),
  n_pow: z.number(),
  n_log_iter: z.literal(0),
  eps_propagate: z.number(),
  eps_propagate_bkg: z.number(),
})
type Config = z.infer<typeof config>

interface Given extends CheckOptions {
  readonly settings: Config
  readonly given: (name: string) => Tensor
}

function check(fixture: Fixture, { device }: CheckOptions): Comparison[] {
  const settings = parseConfig(fixture, config)
  const given = (name: string): Tensor => fromData(tensorOf(fixture, name)).to({ device })
  return [
    labelsByThresholds,
    refinedLabels,
    pairLabels,
    walks,
    affinityLosses,
    segmentationLosses,
    scored,
  ].flatMap(part => scope(() => part(fixture, { settings, given, device })))
}

const close = (fixture: Fixture, name: string, got: Tensor): Comparison =>
  compareTensor(name, got, tensorOf(fixture, name))

/** Classes of each image, from its row of `in.label`. */
function classesOf({ settings: { b, c }, given }: Given): number[][] {
  const labels = given('in.label').toFloat32Array()
  return Array.from({ length: b }, (_, image) =>
    Array.from({ length: c }, (_, i) => i).filter(i => labels[image * c + i] === 1),
  )
}

/** The maps of some classes [K, h, w] of one image's maps [C, h, w]. */
const some = (maps: Tensor, classes: readonly number[]): Tensor =>
  ops.cat(classes.map(index => maps.narrow(0, index, 1)))

/** Maps of some classes at their places among `count`, the others zero. */
function among(maps: Tensor, classes: readonly number[], count: number): Tensor {
  const all = ops.zeros([count, ...maps.shape.slice(1)], { device: maps.device })
  for (const [i, index] of classes.entries()) ops.copy_(all.select(0, index), maps.select(0, i))
  return all
}

interface ImageParts {
  readonly cams: ImageCams
  readonly box: ImageBox
}

/** CAMs of the tags and box of each image. */
function imagesOf(context: Given): ImageParts[] {
  const { given } = context
  const boxes = given('in.box').toFloat32Array()
  const cams = given('in.cam')
  return classesOf(context).map((classes, image) => {
    const [top, bottom, left, right] = boxes.slice(4 * image) as unknown as [number, number, number, number]
    return {
      cams: { classes, cams: some(cams.select(0, image), classes) },
      box: { top, bottom, left, right },
    }
  })
}

function refinedLabels(fixture: Fixture, context: Given): Comparison[] {
  const each = imagesOf(context)
  const [cams, boxes] = [each.map(({ cams }) => cams), each.map(({ box }) => box)]
  return checkRefinedLabels(fixture, { device: context.device, cams, boxes })
}

function labelsByThresholds(fixture: Fixture, context: Given): Comparison[] {
  const { settings } = context
  const each = imagesOf(context)
  const background = settings.bkg_score
  const uncertain = { low: settings.low_thre, high: settings.high_thre }
  const made = (options: (box: ImageBox) => CamLabelOptions): Tensor =>
    ops.stack(each.map(({ cams, box }) => camLabels(cams, options(box))))
  const plain = made(() => ({ background }))
  return [
    compareLabels(fixture, 'out.label', plain),
    compareLabels(
      fixture,
      'out.ignore_box',
      ops.stack(each.map(({ box }, image) => insideBox(plain.select(0, image), box))),
    ),
    compareLabels(
      fixture,
      'out.label_box',
      made(box => ({ background, box })),
    ),
    compareLabels(
      fixture,
      'out.label_mid',
      made(box => ({ uncertain, box })),
    ),
    close(
      fixture,
      'out.valid_cam',
      ops.stack(each.map(({ cams: { classes, cams } }) => among(cams, classes, settings.c))),
    ),
  ]
}

function pairLabels(fixture: Fixture, { given, settings }: Given): Comparison[] {
  const { radius, h, w } = settings
  const [rows, columns] = settings.grid
  const grid = { rows: Math.floor(h / 16), columns: Math.floor(w / 16) }
  const labels = (near: Tensor | undefined): Tensor => affinityLabels(given('in.map'), { grid, near })
  const near = nearPairs(grid, { radius })
  return [
    compareLabels(fixture, 'in.mask16', near),
    compareLabels(fixture, `in.radius_${rows}x${columns}`, nearPairs({ rows, columns }, { radius })),
    compareLabels(fixture, 'out.aff_label', labels(undefined)),
    compareLabels(fixture, 'out.aff_label_masked', labels(near)),
  ]
}

function walks(fixture: Fixture, context: Given): Comparison[] {
  const { given, settings } = context
  const [rows, columns] = settings.grid
  const near = nearPairs({ rows, columns }, { radius: settings.radius })
  const [affinity, cams] = [given('in.aff'), given('in.cam_grid')]
  const walked = (step: Tensor): Tensor =>
    ops.stack(Array.from({ length: settings.b }, (_, i) => propagate(cams.select(0, i), step.select(0, i))))
  const power = settings.n_pow
  const epsilon = settings.eps_propagate
  const step = transitions(affinity, { near, power, epsilon: settings.eps_propagate_bkg })
  const spread = classesOf(context).map((classes, i) => {
    const own = some(cams.select(0, i), classes)
    const size = [rows, columns] as const
    const maps = propagateWithBackground(own, step.select(0, i), { background: settings.low_thre, size })
    return among(maps, [0, ...classes.map(index => index + 1)], settings.c + 1)
  })
  return [
    close(fixture, 'out.propagate', walked(transitions(affinity, { near, power, epsilon }))),
    close(fixture, 'out.propagate_nomask', walked(transitions(affinity, { power, epsilon }))),
    close(fixture, 'out.propagate_bkg', ops.stack(spread)),
  ]
}

function affinityLosses(fixture: Fixture, { given }: Given): Comparison[] {
  const pairs = given('out.aff_label_masked')
  const affinity = given('in.aff_pred')
  affinity.requiresGrad = true
  const loss = affinityLoss(affinity, pairs)
  backward(loss)
  const count = (label: number): Tensor => pairs.eq(label).sum().add(1) // as the loss divides by
  const gradient = { tolerance: TOLERANCE.gradient }
  return [
    close(fixture, 'loss.aff', loss.reshape(1)),
    close(fixture, 'loss.aff_empty', affinityLoss(affinity.detach(), ops.onesLike(pairs)).reshape(1)),
    compareLabels(fixture, 'out.pos_count', count(PAIR.same)),
    compareLabels(fixture, 'out.neg_count', count(PAIR.different)),
    compareTensor('grad.aff_pred', affinity.grad!, tensorOf(fixture, 'grad.aff_pred'), gradient),
  ]
}

function segmentationLosses(fixture: Fixture, { given }: Given): Comparison[] {
  const logits = given('in.seg_logits')
  logits.requiresGrad = true
  const loss = segmentationHalves(logits, given('in.map').to({ dtype: 'int64' }))
  backward(loss)
  const gradient = { tolerance: TOLERANCE.gradient }
  return [
    close(fixture, 'loss.seg', loss.reshape(1)),
    compareTensor('grad.seg_logits', logits.grad!, tensorOf(fixture, 'grad.seg_logits'), gradient),
  ]
}

function scored(fixture: Fixture, { given }: Given): Comparison[] {
  const [truth, predicted, unsure] = ['in.gt', 'in.pred', 'in.pred255'].map(given) as [Tensor, Tensor, Tensor]
  const maps = (labels: Tensor): Tensor[] =>
    Array.from({ length: labels.size(0) }, (_, i) => labels.select(0, i))
  const against = (name: string, predictions: Tensor, truths: Tensor): Comparison => {
    const data = maps(truths).map(map => map.toData())
    return compareFloat(name, scores(maps(predictions), data), toFloat64Array(tensorOf(fixture, name)), 1e-12)
  }
  const colours = Array.from({ length: 256 }, (_, label) => labelColour(label)).flat()
  return [
    against('out.scores', predicted, truth),
    against('out.pseudo_scores', unsure, ops.maskedFill(truth, unsure.eq(255), 255)),
    compareExact('out.cmap', colours, toFloat64Array(tensorOf(fixture, 'out.cmap'))),
  ]
}
