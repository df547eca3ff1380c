/** @file The `train` section of a recipe that every method shares: length, optimiser, schedule, augmentation, checkpoints. Imports zod only. */
import { z } from 'zod'

const rate = {
  lr: z.number().gt(0).default(5e-4).describe('learning rate at the peak of the schedule'),
  lrBatch: z
    .int()
    .min(1)
    .nullable()
    .default(512)
    .describe('lr is multiplied by batchSize / lrBatch; null: it is not'),
}

const reach = {
  decays: z
    .enum(['weights', 'all'])
    .default('weights')
    .describe(
      'which parameters decay: all but one-dimensional tensors, biases, class tokens and position embeddings (weights), or all, as published for WeakTr',
    ),
}

const adamw = z.strictObject({
  kind: z.literal('adamw').default('adamw').optional().describe('AdamW'),
  ...rate,
  betas: z
    .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
    .default([0.9, 0.999])
    .describe('coefficients of the running averages of the gradient and its square'),
  eps: z.number().gt(0).default(1e-8).describe('added to the denominator for numerical stability'),
  weightDecay: z.number().min(0).default(0.05).describe('decoupled weight decay'),
  ...reach,
})

/** What SGD has beside its learning rate, in the words of torch.optim.SGD. */
export const sgdFields = {
  momentum: z.number().min(0).lt(1).default(0.9).describe('momentum'),
  nesterov: z.boolean().default(false).describe('Nesterov momentum'),
  weightDecay: z.number().min(0).default(1e-5).describe('coupled weight decay'),
  momentumBug: z
    .boolean()
    .default(false)
    .describe(
      "true reproduces a bug of the originals' PolyOptimizer: weightDecay is passed in the place of momentum",
    ),
}

const sgd = z.strictObject({
  kind: z.literal('sgd').describe('SGD with momentum'),
  ...rate,
  ...sgdFields,
  ...reach,
})

const trainOptimiser = z.discriminatedUnion('kind', [adamw, sgd])

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

const poly = z.strictObject({
  kind: z.literal('poly').describe('at step s of n: lr (1 - s / n)^power'),
  power: z.number().min(0).default(0.9).describe('exponent; 1 falls in a straight line'),
  warmupSteps: z
    .int()
    .min(0)
    .default(0)
    .describe('length of the linear warm-up, steps; the fall is counted from step 0 all the same'),
  warmupRatio: z
    .number()
    .min(0)
    .max(1)
    .default(1e-6)
    .describe('learning rate of the first step, over that at the end of the warm-up'),
})

const trainSchedule = z.discriminatedUnion('kind', [cosineEpoch, cosineStep, poly])

/** [smaller, larger] */
export const range = (low: number, high: number, text: string) =>
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

export const flip = z.number().min(0).max(1).default(0.5).describe('probability of a horizontal flip')

const resizedCrop = z.strictObject({
  kind: z
    .literal('resized-crop')
    .default('resized-crop')
    .optional()
    .describe('a part of the image, of any size and near any shape, resized to the square'),
  crop: crop.prefault({}).describe('RandomResizedCrop, bicubic'),
  flip,
  randAugment: z
    .union([randAugment, z.literal(false)])
    .prefault({})
    .describe("timm's RandAugment with increasing operations; false: none"),
  erasing: z
    .union([erasing, z.literal(false)])
    .prefault({})
    .describe('RandomErasing with a normal value per pixel; false: none'),
})

const share = z.number().min(0).max(1)

/** torchvision's ColorJitter. */
export const jitter = z.strictObject({
  brightness: share.default(0.3).describe('factor 1 +- this'),
  contrast: share.default(0.3).describe('factor 1 +- this'),
  saturation: share.default(0.3).describe('factor 1 +- this'),
  hue: z.number().min(0).max(0.5).default(0.1).describe('largest shift of the hue, as a share of its circle'),
})

/** [shortest, longest] */
export const longSide = z
  .tuple([z.int().min(1), z.int().min(1)])
  .refine(([from, to]) => from <= to, { message: 'starts above its end; expected [smaller, larger]' })
  .nullable()
  .default(null)

const paddedCrop = z.strictObject({
  kind: z
    .literal('padded-crop')
    .describe('a square anywhere in the rescaled image, padded where that is smaller'),
  longestSide: z
    .int()
    .min(32)
    .default(1024)
    .describe('larger images are first taken as if reduced to this many pixels'),
  scale: range(0.5, 2, 'factor on both sides of an image, [smallest, largest]'),
  longSide: longSide.describe(
    'the longer side after scaling, pixels, [shortest, longest]; null: scale and longestSide decide',
  ),
  filter: z.enum(['bilinear', 'bicubic']).default('bilinear').describe('interpolation'),
  flip,
  jitter: z
    .union([jitter, z.literal(false)])
    .default(false)
    .describe('ColorJitter: brightness, contrast, saturation and hue; false: none'),
  padding: z
    .enum(['black', 'mean'])
    .default('black')
    .describe('what is around an image that is smaller: black, or the mean colour'),
})

const expandedCrop = z.strictObject({
  kind: z
    .literal('expanded-crop')
    .describe('a part of the enlarged image, of any size and near any shape, resized to the square'),
  jitter: z
    .union([jitter, z.literal(false)])
    .prefault({})
    .describe('ColorJitter: brightness, contrast, saturation and hue; false: none'),
  expand: range(1, 3, 'factor on both sides of an image, [smallest, largest]'),
  crop: crop.prefault({}).describe('RandomResizedCrop, bilinear'),
  flip,
})

const trainAugment = z.discriminatedUnion('kind', [resizedCrop, paddedCrop, expandedCrop])

/** Fields of every section that trains: none of them changes the result. */
export const checkpointFields = {
  checkpointMinutes: z
    .number()
    .gt(0)
    .default(5)
    .describe(
      'longest time between two checkpoints, minutes; there is also one at the end of an epoch, where writing them takes a twentieth of the time at most',
    ),
  checkpointSteps: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe('also write a checkpoint every so many steps and after each epoch; null: by time only'),
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
  epochs: z
    .int()
    .min(1)
    .nullable()
    .default(60)
    .describe('passes over the training images; null: `steps` alone says how long the training is'),
  batchSize: z
    .int()
    .min(1)
    .default(64)
    .describe('images in a step; reduced for a data set of few batches, unless set by --set'),
  ...lengthFields,
  optimiser: trainOptimiser.prefault({}).describe('how weights are updated'),
  schedule: trainSchedule.prefault({ kind: 'cosine-epoch' }).describe('learning rate over time'),
  augment: trainAugment.prefault({}).describe('random changes to training images'),
  validateEvery: z
    .int()
    .min(0)
    .default(1)
    .describe('epochs between two validations, or steps where epochs is null; 0: never'),
  select: z
    .enum(['tags', 'gt-miou'])
    .default('tags')
    .describe(
      "metric of a validation, by which maps.checkpoint best chooses: mAP on the tags of data.valSplit (tags), or mIoU of CAMs against the masks of the scored images, as WeakTr's authors do (gt-miou): then the result is not from tags alone",
    ),
  ...checkpointFields,
}

/** A field of the section with another default, as a method has it. */
export function withDefault<T extends z.ZodType>(
  field: z.ZodDefault<T>,
  value: z.util.NoUndefined<z.output<T>>,
): z.ZodDefault<T> {
  return field
    .removeDefault()
    .default(value)
    .describe(field.description ?? '') as z.ZodDefault<T>
}

/** Problems, as path and message, of the length of a training that the section describes: in epochs, or in steps alone. */
export function lengthProblems(
  { epochs, steps, schedule }: { epochs: number | null; steps: number | null; schedule: ScheduleRecipe },
  section: string,
): { path: string[]; message: string }[] {
  if (epochs !== null) return []
  const path = [section, 'epochs']
  const ofSteps = `expected ${section}.schedule.kind cosine-step or poly, or a number`
  return [
    ...(steps === null
      ? [{ path, message: `needs ${section}.steps; expected a number for one of the two` }]
      : []),
    ...(schedule.kind === 'cosine-epoch' ? [{ path, message: `needs a schedule of steps; ${ofSteps}` }] : []),
  ]
}

/** The same of a field that is a section: other values for some of its keys. */
export function withPrefault<T extends z.ZodType>(
  field: z.ZodPrefault<T>,
  value: z.input<T>,
): z.ZodPrefault<T> {
  return field
    .unwrap()
    .prefault(value)
    .describe(field.description ?? '')
}

export type OptimiserRecipe = z.output<typeof trainOptimiser>
export type ScheduleRecipe = z.output<typeof trainSchedule>
export type AugmentRecipe = z.output<typeof trainAugment>
