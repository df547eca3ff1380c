/** @file The `train` section of a recipe that every method shares: optimiser, schedule, augmentation, checkpoints. */
import { z } from 'zod'

const optimiser = z.strictObject({
  kind: z.literal('adamw').default('adamw').describe('AdamW'),
  lr: z.number().gt(0).default(5e-4).describe('learning rate at the peak of the schedule'),
  lrBatch: z
    .int()
    .min(1)
    .nullable()
    .default(512)
    .describe('lr is multiplied by batchSize / lrBatch; null: it is not'),
  betas: z
    .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
    .default([0.9, 0.999])
    .describe('coefficients of the running averages of the gradient and its square'),
  eps: z.number().gt(0).default(1e-8).describe('added to the denominator for numerical stability'),
  weightDecay: z.number().min(0).default(0.05).describe('decoupled weight decay'),
  decays: z
    .enum(['weights', 'all'])
    .default('weights')
    .describe(
      'which parameters decay: all but one-dimensional tensors, biases, class tokens and position embeddings (weights), or all, as published for WeakTr',
    ),
})

const warmupEpochs = z.number().min(0).default(5).describe('length of the linear warm-up, epochs')
const minLr = z
  .number()
  .min(0)
  .default(1e-5)
  .describe('learning rate at the end; not scaled by the batch size')

const cosineEpoch = z.strictObject({
  kind: z
    .literal('cosine-epoch')
    .describe(
      "timm's schedule, as published: one learning rate an epoch; the warm-up replaces the first epochs of the cosine",
    ),
  warmupEpochs,
  warmupLr: z
    .number()
    .min(0)
    .default(1e-6)
    .describe('learning rate of the first epoch; not scaled by the batch size'),
  minLr,
  offByOne: z
    .boolean()
    .default(true)
    .describe(
      'as published: epoch e has the learning rate of epoch e - 1, so that the first two have warmupLr',
    ),
})

const cosineStep = z.strictObject({
  kind: z
    .literal('cosine-step')
    .describe('a learning rate for each step: linear warm-up from 0, then cosine to minLr'),
  warmupEpochs: warmupEpochs.default(1),
  minLr,
})

const range = (low: number, high: number, text: string) =>
  z
    .tuple([z.number().gt(0), z.number().gt(0)])
    .refine(([from, to]) => from <= to, { message: 'starts above its end; expected [smaller, larger]' })
    .default([low, high])
    .describe(text)

const crop = z.strictObject({
  scale: range(0.08, 1, 'area of the crop as a share of the image, [smallest, largest]'),
  ratio: range(3 / 4, 4 / 3, 'width / height of the crop before resizing, [smallest, largest]'),
})

const randAugment = z.strictObject({
  ops: z.int().min(1).default(2).describe('operations drawn for each image, with replacement'),
  magnitude: z.number().min(0).max(10).default(9).describe('mean strength of an operation, 0 to 10'),
  std: z.number().min(0).default(0.5).describe('standard deviation of the strength'),
  probability: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('probability that a drawn operation is applied'),
})

const erasing = z.strictObject({
  probability: z
    .number()
    .min(0)
    .max(1)
    .default(0.25)
    .describe('probability that a rectangle of the image is replaced by noise'),
  area: range(0.02, 1 / 3, 'area of the rectangle as a share of the image, [smallest, largest]'),
  aspect: range(0.3, 1 / 0.3, 'aspect ratio of the rectangle, [smallest, largest]'),
})

const augment = z.strictObject({
  crop: crop.prefault({}).describe('RandomResizedCrop, bicubic'),
  flip: z.number().min(0).max(1).default(0.5).describe('probability of a horizontal flip'),
  randAugment: z
    .union([randAugment, z.literal(false)])
    .prefault({})
    .describe("timm's RandAugment with increasing operations; false: none"),
  erasing: z
    .union([erasing, z.literal(false)])
    .prefault({})
    .describe('RandomErasing with a normal value per pixel; false: none'),
})

/** Fields of every section that trains: none of them changes the result. */
export const checkpointFields = {
  checkpointMinutes: z
    .number()
    .gt(0)
    .default(5)
    .describe('longest time between two checkpoints, minutes; there is also one after each epoch'),
  checkpointSteps: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe('also write a checkpoint every so many steps; null: by time only'),
  logEvery: z.int().min(1).default(10).describe('steps between two records in metrics.jsonl'),
}

/** Keys that say how long a training is and what a step sees; `fitRecipe` fits them to small data sets. */
export const lengthFields = {
  steps: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'least number of steps: a small data set gets more epochs until it has so many; null: epochs alone',
    ),
  dropLast: z.boolean().default(true).describe('leave out the last, smaller batch of an epoch'),
}

/** Fields of the `train` section; a method adds its `losses`. */
export const trainFields = {
  epochs: z.int().min(1).default(60).describe('passes over the training images'),
  batchSize: z
    .int()
    .min(1)
    .default(64)
    .describe('images in a step; reduced for a data set of few batches, unless set by --set'),
  ...lengthFields,
  optimiser: optimiser.prefault({}).describe('how weights are updated'),
  schedule: z
    .discriminatedUnion('kind', [cosineEpoch, cosineStep])
    .prefault({ kind: 'cosine-epoch' })
    .describe('learning rate over time'),
  augment: augment.prefault({}).describe('random changes to training images'),
  validateEvery: z.int().min(0).default(1).describe('epochs between two validations; 0: never'),
  select: z
    .enum(['tags', 'gt-miou'])
    .default('tags')
    .describe(
      "metric of a validation, by which maps.checkpoint best chooses: mAP on the tags of data.valSplit (tags), or mIoU of CAMs against the masks of the scored images, as WeakTr's authors do (gt-miou): then the result is not from tags alone",
    ),
  ...checkpointFields,
}

export type OptimiserRecipe = z.output<typeof optimiser>
export type ScheduleRecipe = z.output<typeof cosineEpoch> | z.output<typeof cosineStep>
export type AugmentRecipe = z.output<typeof augment>
