/** @file Stage `result`: the final mask of every image in one folder, for people and their tools. */
import type { StageDefinition } from '../../run/stage.ts'
import { evaluate } from '../evaluate/index.ts'
import { predict } from '../predict/index.ts'
import { refine } from '../refine/index.ts'
import { segment } from '../segment/index.ts'

export const result: StageDefinition = {
  name: 'result',
  product: 'the final masks',
  command: {
    brief: 'Gather the final masks of a run in one folder',
    description: `Writes result/: masks/ID.png, overlays/ID.jpg, labels.txt, and areas.csv, the share of each class in each image. A mask
is the last that the run has made of its image: of a training image the labels of the last round of segmentation, the
pseudo mask or the seed; of a validation image the prediction. Files that you change there stay as they are.

Examples:
  tagmask result runs/photos_cpu
  tagmask result runs/photos_cpu --force`,
    flags: [],
  },
  before: () => ({ base: [evaluate, refine, segment, predict] }),
  sections: () => ['result'],
  outputs: ({ result }) => [{ path: result, needed: true, theirs: true }],
  load: async () => (await import('./result.ts')).resultStage,
}
