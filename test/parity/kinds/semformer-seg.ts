/** @file Parity of SemFormer's training step under the frozen autoencoder, and of its evaluation, with train_semformer.py. */
import { z } from 'zod'
import type { Box } from '../../../src/data/transforms/resize.ts'
import { addMaps, bestPoint, createSweep, sweepCurve } from '../../../src/evaluate/index.ts'
import { type TensorData, toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { imageClasses } from '../../../src/methods/image-classes.ts'
import type { Caae } from '../../../src/methods/semformer/caae.ts'
import { semformerGroups } from '../../../src/methods/semformer/groups.ts'
import { similaritiesOf } from '../../../src/methods/semformer/guided-losses.ts'
import { activation, semformerLosses } from '../../../src/methods/semformer/losses.ts'
import type { Semformer, SemformerOutput } from '../../../src/methods/semformer/model.ts'
import { pairsOf } from '../../../src/methods/semformer/pairs.ts'
import { cosineSimilarity } from '../../../src/methods/semformer/similarity.ts'
import { polySgdMomentum, sgd } from '../../../src/optim/index.ts'
import {
  backward,
  fromData,
  keep,
  noGrad,
  ops,
  scope,
  type Tensor,
  tensor,
} from '../../../src/torch/index.ts'
import { compareOutputs, compareTensor } from '../compare-tensors.ts'
import { type Comparison, compareFloat } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf, tensorsUnder } from '../fixture.ts'
import { checkGradients } from '../gradients.ts'
import { allowRounding } from '../rounding.ts'
import {
  autoencoderConfig,
  createCaae,
  createSemformer,
  isSemformer,
  makeCam,
  segmentorConfig,
} from './semformer-network.ts'

export const semformerSeg: Kind = {
  name: 'SemFormer training',
  matches: content => isSemformer(content, 'train_semformer.py'),
  check: fixture => allowRounding(fixture, check(fixture)),
}

const config = segmentorConfig.extend({
  image: z.int().positive(),
  lr: z.number(),
  ae: autoencoderConfig,
  ae_image_size: z.int().positive(),
  ae_reduction: z.enum(['sum', 'mean', 'max']),
  mlp_ratio: z.literal(4),
  norm_eps: z.literal(1e-6),
  weights: z.object({
    seg_sim: z.number(),
    cls_fg: z.number(),
    cls_bg: z.number(),
    act_supp: z.number(),
    act_cplt: z.number(),
  }),
})
type Config = z.infer<typeof config>

const WEIGHT_DECAY = 5e-4 // published, and the momentum

const LOSSES = {
  seg_sim: 'similarity loss',
  cls_fg: 'foreground loss',
  cls_bg: 'background loss',
  act_supp: 'suppression loss',
  act_cplt: 'complement loss',
} as const

interface Networks {
  readonly network: Semformer
  readonly autoencoder: Caae
}

function check(fixture: Fixture): Comparison[] {
  const settings = parseConfig(fixture, config)
  const numClasses = settings.classes_with_background
  const reduction = settings.ae_reduction
  const autoencoder = createCaae(fixture, settings.ae, { numClasses, prefix: 'ae.', reduction })
  autoencoder.freeze().eval()
  const network = createSemformer(fixture, settings)
  try {
    return scope(() => {
      const networks = { network, autoencoder }
      return [
        ...checkResponses(fixture, networks),
        ...checkStep(fixture, networks, { settings, suffix: '_drop' }),
        ...checkStep(fixture, networks, { settings, suffix: '' }),
        ...checkEvaluation(fixture, network),
      ]
    })
  } finally {
    network.dispose()
    autoencoder.dispose()
  }
}

const given = (fixture: Fixture, name: string): Tensor => fromData(tensorOf(fixture, `in.${name}`))

/** Responses and class-to-patch attention of every block in eval mode. */
function checkResponses(fixture: Fixture, { network }: Networks): Comparison[] {
  const outputs = new Map<string, Tensor>()
  network.eval()
  noGrad(() => {
    const { numClasses } = network
    const logits = network.logits(given(fixture, 'images'), {
      attention({ weights }, layer) {
        const patches = weights.size(3) - numClasses
        const own = weights.narrow(2, 0, numClasses).narrow(3, numClasses, patches)
        outputs.set(`eval.cra${layer}`, keep(own.contiguous()))
      },
    })
    outputs.set('eval.logits', logits)
    outputs.set('eval.odd_logits', network.logits(given(fixture, 'odd')))
  })
  const comparisons = compareOutputs(fixture, outputs)
  for (const made of outputs.values()) made.dispose()
  return comparisons
}

/** One step; `_drop` has the given token dropout and changes no weight. */
function checkStep(
  fixture: Fixture,
  { network, autoencoder }: Networks,
  { settings, suffix }: { settings: Config; suffix: '' | '_drop' },
): Comparison[] {
  network.train()
  for (const parameter of network.parameters().values()) parameter.grad = undefined
  const images = given(fixture, 'images')
  const batch = {
    images,
    boxes: boxesOf(tensorOf(fixture, 'in.crop_regions')),
    present: imageClasses(given(fixture, 'labels')),
  }
  const keep = suffix === '' ? {} : { keep: given(fixture, 'drop_mask') }
  const output = network.forward(images, keep)
  const { weights } = settings
  const { total, parts } = semformerLosses(output, batch, {
    autoencoder,
    side: settings.ae_image_size,
    similarity: weights.seg_sim,
    foreground: weights.cls_fg,
    background: weights.cls_bg,
    suppression: weights.act_supp,
    complement: weights.act_cplt,
    chunk: 4,
  })
  const outputs = noGrad(() => trainOutputs(output, batch, { autoencoder, settings, suffix }))
  outputs.set(`loss${suffix}.total`, total.reshape(1))
  for (const [name, part] of Object.entries(LOSSES))
    outputs.set(`loss${suffix}.${name}`, parts[part]!.reshape(1))
  backward(total)
  const comparisons = [
    ...compareOutputs(fixture, outputs),
    ...checkGradients(fixture, network.parameters(), { suffix }),
  ]
  if (suffix === '_drop') return comparisons
  const options = { momentum: 0.9, weightDecay: WEIGHT_DECAY, momentumBug: true }
  const optimiser = sgd(semformerGroups(network, options), {
    momentum: polySgdMomentum(options),
    nesterov: true,
  })
  optimiser.step(settings.lr)
  optimiser.dispose()
  const after = [...tensorsUnder(fixture, 'after.')].map(([name, want]) =>
    compareTensor(`after.${name}`, network.parameters().get(name)!, want),
  )
  return [...comparisons, ...after]
}

function trainOutputs(
  output: SemformerOutput,
  batch: { readonly images: Tensor; readonly boxes: readonly Box[]; readonly present: readonly number[][] },
  { autoencoder, settings, suffix }: { autoencoder: Caae; settings: Config; suffix: '' | '_drop' },
): Map<string, Tensor> {
  const { numClasses } = autoencoder
  if (suffix === '_drop') return new Map([['train_drop.ori_mask_logits', output.logits]])
  const shown = activation(output.logits, { ...batch, side: settings.ae_image_size })
  const pairs = pairsOf(batch.present, { numClasses })
  const seen = similaritiesOf(autoencoder, { ...shown, pairs })
  const chosen = (of: Tensor, wanted: (weight: number) => boolean): Tensor => {
    const values = of.toFloat32Array()
    return tensor([...values].filter((_, i) => wanted(pairs.weights[i]!)))
  }
  const [own, others] = [(weight: number) => weight < 0, (weight: number) => weight > 0]
  return new Map([
    ['train.x', output.tokens],
    ['train.seg_cre', output.embeddings],
    ['train.ori_mask_logits', output.logits],
    ['train.ae_images', shown.images],
    ['train.grad_masks', shown.region],
    ['train.masks', shown.maps],
    ['train.cs_embed', seen.embeddings.foreground],
    ['train.re_cs_embed', seen.embeddings.background],
    ['train.crs', autoencoder.semantics().expand(batch.images.size(0), -1, -1)],
    ['train.seg_sim', cosineSimilarity(output.embeddings, autoencoder.semantics())],
    ['train.cls_fg_pull_sim', chosen(seen.foreground, own)],
    ['train.cls_fg_push_sim', chosen(seen.foreground, others)],
    ['train.cls_bg_pull_sim', chosen(seen.background, others)],
    ['train.cls_bg_push_sim', chosen(seen.background, own)],
  ])
}

function boxesOf(regions: TensorData): Box[] {
  const values = toFloat64Array(regions)
  return Array.from({ length: regions.shape[0]! }, (_, i) => {
    const [left, top, right, bottom] = values.subarray(4 * i, 4 * i + 4) as unknown as [
      number,
      number,
      number,
      number,
    ]
    return { x: left, y: top, width: right - left, height: bottom - top }
  })
}

/** CAMs at the size of the grid, at the best of 99 thresholds. */
function checkEvaluation(fixture: Fixture, network: Semformer): Comparison[] {
  network.eval()
  const images = given(fixture, 'eval_images')
  const { rows, columns } = network.grid(images)
  const labels = network.numClasses
  const thresholds = Array.from({ length: 99 }, (_, i) => (i + 1) / 100)
  const sweep = createSweep(labels, { thresholds })
  const cams = noGrad(() => makeCam(network.logits(images).narrow(1, 1, labels - 1)))
  const truth = ops.upsampleNearest2d(given(fixture, 'eval_gt').to({ dtype: 'float32' }).unsqueeze(1), [
    rows,
    columns,
  ])
  const tags = toFloat32Array(tensorOf(fixture, 'in.eval_labels'))
  for (let image = 0; image < images.size(0); image++) {
    const maps = new Map<number, Float32Array>()
    for (let index = 0; index < labels - 1; index++)
      if (tags[image * (labels - 1) + index]! > 0)
        maps.set(index, cams.select(0, image).select(0, index).toFloat32Array())
    const data = Uint8Array.from(truth.select(0, image).toFloat32Array())
    const at = { width: columns, height: rows }
    addMaps(sweep, { maps: { ...at, maps }, truth: { ...at, data }, mapFile: 'cam', truthFile: 'gt' })
  }
  const { threshold, miou, fp, fn } = bestPoint(sweepCurve(sweep))
  const float = (name: string, got: number): Comparison =>
    compareFloat(`eval.${name}`, [got], toFloat64Array(tensorOf(fixture, `eval.${name}`)), 1e-9)
  return [float('threshold', threshold), float('mIoU', miou), float('FP', fp / 100), float('FN', fn / 100)]
}
