/** @file How an autoencoder is trained, in the words of the section `train`. Imports zod only. */
import { z } from 'zod'
import { trainFields, withDefault, withPrefault } from './train-recipe.ts'

const { epochs, optimiser, schedule, augment, batchSize, validateEvery, steps, dropLast, ...rest } =
  trainFields
const { checkpointMinutes, checkpointSteps, logEvery } = rest

/** Fields of the section `autoencoder` beside those of its network, with SemFormer's published defaults. */
export const autoencoderFields = {
  weights: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'file with weights to start from (.safetensors, .pth): of a DeiT, for its encoder; one that holds all of the autoencoder is used as it is, and nothing is trained; null: random weights',
    ),
  checkpoint: z
    .enum(['last', 'best'])
    .default('best')
    .describe(
      'weights that guide: the last, or the best by its validation: average precision, mean over the images, of similarities cut at their best threshold; on the images of data.valSplit, or, without any, on those of its training, as published',
    ),
  epochs: withDefault(epochs, 200),
  batchSize,
  steps,
  dropLast,
  optimiser: withPrefault(optimiser, {
    kind: 'sgd',
    lr: 0.025,
    lrBatch: null,
    nesterov: true,
    weightDecay: 5e-4,
    momentumBug: true,
  }),
  schedule: withPrefault(schedule, { kind: 'poly', power: 0.9 }),
  augment: withPrefault(augment, { kind: 'expanded-crop' }),
  validateEvery,
  checkpointMinutes,
  checkpointSteps,
  logEvery,
}

export type AutoencoderSettings = z.output<z.ZodObject<typeof autoencoderFields>>
