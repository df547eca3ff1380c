/** @file The sections `segment` and `predict`: the network trained from pseudo masks, and how it is asked. */
import { z } from 'zod'
import { MCTFORMER_MASK_CRF } from '../../refine/crf-parameters.ts'
import { backbone } from './backbone.ts'
import { crfSection } from './crf.ts'
import { checkpointFields } from './training.ts'

const sgd = z.strictObject({
  kind: z.literal('sgd').describe('SGD with momentum, as published'),
  lr: z.number().gt(0).default(7e-4).describe('learning rate of the backbone at the first step'),
  momentum: z.number().min(0).lt(1).default(0.9).describe('share of the last step that is made again'),
  weightDecay: z.number().min(0).default(1e-5).describe('coupled weight decay'),
  handed: z
    .enum(['published', 'corrected'])
    .default('corrected')
    .describe(
      'published: the weight decay is handed over in the place of the momentum, so that there is next to no momentum and no decay',
    ),
})

const adamw = z.strictObject({
  kind: z.literal('adamw').describe('AdamW; no decay on one-dimensional tensors, biases and tokens'),
  lr: z.number().gt(0).default(1e-4).describe('learning rate of the backbone at the first step'),
  weightDecay: z.number().min(0).default(0.05).describe('decoupled weight decay'),
})

const augment = z.strictObject({
  scale: z
    .tuple([z.number().gt(0), z.number().gt(0)])
    .refine(([from, to]) => from <= to, { message: 'starts above its end; expected [smaller, larger]' })
    .default([0.7, 1.3])
    .describe('factor on both sides of a picture before it is cut, [smallest, largest]'),
  scalePer: z
    .enum(['batch', 'picture'])
    .default('picture')
    .describe('whether all pictures of a batch share one factor, as published, or each has its own'),
  flip: z.number().min(0).max(1).default(0.5).describe('probability of a horizontal flip'),
  padding: z
    .enum(['background', 'ignore'])
    .default('ignore')
    .describe(
      'what is learned beside a picture that is smaller than the crop: background, as published, or nothing',
    ),
})

/** `segment` section; null leaves out the stages segment and predict. */
export const segmentRecipe = z
  .strictObject({
    backbone,
    weights: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe(
        'file with weights to start from (.safetensors, .pth), as res38_cls.pth; null: those of the trained class network for backbone model, else random ones',
      ),
    cropSize: z.int().min(8).default(321).describe('side of the training crop, pixels'),
    epochs: z.int().min(1).default(30).describe('passes over the pictures that have a pseudo mask'),
    batchSize: z.int().min(1).default(4).describe('pictures in a step'),
    optimiser: z
      .discriminatedUnion('kind', [sgd, adamw])
      .prefault({ kind: 'adamw' })
      .describe('how weights are updated'),
    headFactor: z
      .number()
      .gt(0)
      .default(10)
      .describe('learning rate of the head, which starts from nothing, over that of the backbone'),
    power: z.number().min(0).default(0.9).describe('learning rate at step s of n: lr * (1 - s / n)^power'),
    augment: augment.prefault({}).describe('random changes to training pictures'),
    ...checkpointFields,
  })
  .nullable()

/** `predict` section. */
export const predictRecipe = z.strictObject({
  scales: z
    .array(z.number().gt(0).max(8))
    .min(1)
    .default([0.5, 0.75, 1, 1.25, 1.5])
    .describe('sizes at which a picture is looked at for val ms, relative to its own'),
  flip: z.boolean().default(true).describe('also look at the mirror image at each scale; published: no'),
  combine: z
    .enum(['mean', 'max'])
    .default('mean')
    .describe('of the probabilities of all views: their mean, or the largest of each label, as published'),
  alignCorners: z
    .boolean()
    .default(false)
    .describe('resize the input from corner to corner, as published, although labels come back without'),
  crf: crfSection(MCTFORMER_MASK_CRF)
    .nullable()
    .prefault({})
    .describe('dense CRF for val ms+crf; null: without'),
  trainSplit: z.boolean().default(false).describe('also predict and score the pictures that were trained on'),
  longestSide: z
    .int()
    .min(32)
    .default(768)
    .describe(
      'larger pictures are made smaller for the network, pixels; masks have their own size all the same',
    ),
})

export type SegmentRecipe = NonNullable<z.output<typeof segmentRecipe>>
export type PredictRecipe = z.output<typeof predictRecipe>
