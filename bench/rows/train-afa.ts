/** @file train/afa: a training step of AFA with all losses and PAR beside the authors'. */
import { afaGroups } from '../../src/methods/afa/groups.ts'
import { afaLosses, buildAfa } from '../../src/methods/afa/index.ts'
import type { Afa } from '../../src/methods/afa/model.ts'
import { adamw } from '../../src/optim/index.ts'
import { CLASSES, tagList, trainingRow } from './training.ts'

const LAST_PHASE = 10_000 // after 6000 steps the segmentation learns from CAMs that are spread along the affinity

export const trainAfa = trainingRow({
  method: 'afa',
  title: 'AFA, MiT-B1, crop 320, batch 2, all losses, PAR 10 iterations',
  size: { side: 320, batch: 2 },
  quick: { side: 96, batch: 2 },
  build() {
    const model = {
      backbone: 'mit-b1',
      imageSize: 512,
      patchSize: 16,
      dropPath: 0.1,
      headDim: 256,
      pooling: 'max',
    } as const
    const method = buildAfa({ model, numClasses: CLASSES })
    const network = method.network as Afa
    return {
      method,
      optimiser: () => adamw(afaGroups(network, { weightDecay: 0.01 })),
      lr: 1e-5,
      losses: batch => afaLosses(network, batch, { labels: { iterations: 10 }, at: { step: LAST_PHASE } }),
    }
  },
  authors: ({ side, batch }) => [String(side), tagList(batch)],
  bars: [{ of: 'ratio', bound: 2, authors: true }],
})
