/** @file The section `segment`: the network trained from pseudo masks. */
import { z } from 'zod'
import type { RecipeProblem } from '../../methods/definition.ts'
import { checkpointFields, lengthFields, sgdFields } from '../../methods/train-recipe.ts'
import { fittingPatchSizes } from '../../models/segmentation/patch-size.ts'
import { MCTFORMER_MASK_CRF } from '../../refine/crf-parameters.ts'
import { backbone, checkBackbone } from './backbone.ts'
import { crfSection } from './crf.ts'
import { normalisation, optionalText } from './fields.ts'
import type { Recipe } from './schema.ts'
import { segmentAugment } from './segment-augment.ts'

const sgd = z.strictObject({
  kind: z.literal('sgd').describe('SGD with momentum, as published'),
  lr: z.number().gt(0).default(7e-4).describe('learning rate of the backbone at the first step'),
  ...sgdFields,
})

const adamw = z.strictObject({
  kind: z.literal('adamw').describe('AdamW; no decay on one-dimensional tensors, biases and tokens'),
  lr: z.number().gt(0).default(1e-4).describe('learning rate of the backbone at the first step'),
  weightDecay: z.number().min(0).default(0.05).describe('decoupled weight decay'),
})

const clipping = z.strictObject({
  startValue: z
    .number()
    .min(0)
    .default(1.2)
    .describe(
      'only steps whose mean loss is at most this are clipped; published: 1.2 for DeiT-S, 1.0 for ViT-S',
    ),
  patchSize: z
    .int()
    .min(1)
    .default(120)
    .describe('side of the squares whose mean loss is the local bound, pixels; must divide cropSize'),
})

const network = z.enum(['convolutional', 'segmenter'])
const optimiser = z.discriminatedUnion('kind', [sgd, adamw])
const epochs = z.int().min(1)
const batchSize = z.int().min(1)
const headFactor = z.number().gt(0)

const ASIDE = 'null: that of segment'

const first = z.strictObject({
  network: network.nullable().default(null).describe(ASIDE),
  epochs: epochs.nullable().default(null).describe(ASIDE),
  batchSize: batchSize.nullable().default(null).describe(ASIDE),
  steps: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe('null: that of segment, or none where epochs is given here'),
  dropLast: z.boolean().nullable().default(null).describe(ASIDE),
  optimiser: optimiser.nullable().default(null).describe(ASIDE),
  headFactor: headFactor.nullable().default(null).describe(ASIDE),
  augment: segmentAugment.nullable().default(null).describe(ASIDE),
})

const retrain = z.strictObject({
  rounds: z
    .int()
    .min(1)
    .default(1)
    .describe('number of further trainings, each on the labels of the one before'),
  first: first
    .nullable()
    .default(null)
    .describe('settings of the trainings before the last; null: those of the last'),
  scales: z
    .array(z.number().gt(0).max(8))
    .min(1)
    .default([0.75, 1, 1.5])
    .describe('scales of the input, each also flipped'),
  mapWeight: z
    .number()
    .min(0)
    .default(0)
    .describe(
      "the network's probabilities are multiplied by this power of the CAMs and of the background's score; 0: the network alone",
    ),
  crf: crfSection(MCTFORMER_MASK_CRF).nullable().prefault({}).describe('dense CRF of the labels; null: none'),
})

/** `segment` section; null leaves out the stages segment and predict. */
export const segmentRecipe = z
  .strictObject({
    network: network
      .default('convolutional')
      .describe(
        "convolutional: a head of convolutions on the backbone; segmenter: a mask transformer on a vision transformer, WeakTr's",
      ),
    backbone,
    weights: optionalText(
      'file with weights to start from: .safetensors, .pth (res38_cls.pth), .npz (augreg vision transformers); null: those of the trained classification network for backbone model, else random weights',
    ),
    normalise: normalisation
      .nullable()
      .default(null)
      .describe('normalisation of pixels; null: that of the classification network'),
    cropSize: z.int().min(8).default(321).describe('side of the training crop, pixels'),
    epochs: epochs.default(30).describe('passes over the images that have a pseudo mask'),
    batchSize: batchSize
      .default(4)
      .describe('images in a step; reduced for a data set of few batches, unless set by --set'),
    ...lengthFields,
    optimiser: optimiser.prefault({ kind: 'adamw' }).describe('how weights are updated'),
    headFactor: headFactor
      .default(10)
      .describe('learning rate of the head, which starts from random weights, over that of the backbone'),
    layerDecay: z
      .number()
      .gt(0)
      .max(1)
      .default(1)
      .describe('segmenter only: layer-wise learning rate decay of the backbone'),
    minLr: z.number().min(0).default(0).describe('learning rate of the backbone at the end'),
    power: z
      .number()
      .min(0)
      .default(0.9)
      .describe('learning rate at step s of n: minLr + (lr - minLr) (1 - s / n)^power'),
    clipping: clipping
      .nullable()
      .default(null)
      .describe(
        "WeakTr's gradient clipping: pixels whose loss is above the mean of their square and of all are ignored; with unsure pixels (refine.sure) only on the labels of retrain; null: none",
      ),
    retrain: retrain
      .nullable()
      .default(null)
      .describe(
        'train again from the start, on the labels that the trained network gives the training images among their tags; null: no',
      ),
    augment: segmentAugment.prefault({}).describe('random changes to training images'),
    seed: z
      .int()
      .min(0)
      .nullable()
      .default(null)
      .describe('seed of this stage alone, so that a change keeps the stages before it; null: as seed'),
    ...checkpointFields,
  })
  .nullable()

/** Settings of this section and `predict` that do not fit together, as path and message (problem; remedy). */
export function checkSegment(
  recipe: Pick<Recipe, 'method' | 'model' | 'segment' | 'predict' | 'refine'>,
): RecipeProblem[] {
  const {
    segment,
    predict,
    refine: { sure },
  } = recipe
  if (segment === null) return []
  const { backbone: name, clipping: clip, retrain, cropSize, layerDecay } = segment
  const networks = [segment.network, retrain?.first?.network ?? segment.network]
  const problems = checkBackbone(name, recipe, ['segment', 'backbone'])
  const problem = (path: string, message: string): void => {
    problems.push({ path: path.split('.'), message })
  }
  if (clip !== null && cropSize % clip.patchSize !== 0) {
    const fitting = fittingPatchSizes({ height: cropSize, width: cropSize, patchSize: clip.patchSize })
    problem(
      'segment.clipping.patchSize',
      `does not divide segment.cropSize (${cropSize}); expected a divisor, such as ${fitting.join(', ')}`,
    )
  }
  if (clip !== null && sure !== null && retrain === null)
    problem(
      'segment.clipping',
      'is not for the unsure pixels of refine.sure; expected null, or segment.retrain, whose labels leave none',
    )
  if (networks.includes('segmenter')) {
    if (name === 'resnet38')
      problem('segment.backbone', 'is no vision transformer; expected model or deit-* for the segmenter')
    if (predict.combine === 'max') problem('predict.combine', 'is not for the segmenter; expected mean')
    if (predict.alignCorners) problem('predict.alignCorners', 'is not for the segmenter; expected false')
    return problems
  }
  if (predict.windows.blockEnsemble > 0)
    problem('predict.windows.blockEnsemble', 'needs the segmenter; expected 0, or segment.network segmenter')
  if (layerDecay < 1)
    problem('segment.layerDecay', 'needs the segmenter; expected 1, or segment.network segmenter')
  return problems
}

/** The key of a setting of the trainings before the last. */
export function firstTrainingKey(
  { retrain }: Pick<SegmentRecipe, 'retrain'>,
  name: 'batchSize' | 'dropLast' | 'optimiser',
): string {
  return (retrain?.first?.[name] ?? null) === null ? `segment.${name}` : `segment.retrain.first.${name}`
}

/** The settings of the trainings before the last; their own epochs replace the steps of the last. */
export function firstTraining(settings: SegmentRecipe): SegmentRecipe {
  const first = settings.retrain?.first ?? null
  if (first === null) return settings
  const own = Object.entries(first).filter(([, value]) => value !== null)
  const steps = first.epochs === null ? settings.steps : null
  return { ...settings, steps, ...Object.fromEntries(own) }
}

export type SegmentRecipe = NonNullable<z.output<typeof segmentRecipe>>
