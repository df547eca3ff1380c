/** @file The `train` section of a recipe that every method shares: length, optimiser, schedule, augmentation, checkpoints. */
import { z } from 'zod'
import { trainAugment, trainOptimiser, trainSchedule } from '../../methods/train-recipe.ts'

/** Fields of every section that trains: none of them changes the result. */
export const checkpointFields = {
  checkpointMinutes: z
    .number()
    .gt(0)
    .default(5)
    .describe('longest time between two checkpoints, minutes; each epoch ends with one too'),
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
      'least length in steps: more epochs than `epochs` where a small data set needs them to have so many; null: epochs alone',
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
    .describe('images in a step; made smaller for a data set of few batches, unless --set gives it'),
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
      "what a validation judges the weights by, and maps.checkpoint best means: mAP against the tags of data.valSplit (tags), or mIoU of CAMs against the masks of the images that are scored, as WeakTr's authors choose (gt-miou): then masks, not tags alone, have made the result",
    ),
  ...checkpointFields,
}
