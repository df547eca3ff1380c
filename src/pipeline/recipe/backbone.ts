/** @file The key `backbone` of the stages that look at every position of a picture: AffinityNet and segmentation. */
import { z } from 'zod'

export const backbone = z
  .enum(['model', 'resnet38', 'deit-ti', 'deit-s', 'deit-b'])
  .default('model')
  .describe(
    'model: a vision transformer of the size of the class network; deit-*: of that size; resnet38: the published one, too slow to train on a CPU',
  )

export type BackboneName = z.output<typeof backbone>
