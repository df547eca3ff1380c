/** @file train/cti: a training step of CTI with all losses beside the authors', or the same in plain PyTorch. */
import { adamw } from '../../src/optim/index.ts'
import { tagList, trainingRow } from './training.ts'
import { cti } from './vit-methods.ts'

export const trainCti = trainingRow({
  method: 'cti',
  title: 'CTI, DeiT-S, 224 pixels, batch 8, all losses',
  size: { side: 224, batch: 8 },
  quick: { side: 64, batch: 2 },
  build({ side }) {
    const method = cti(side)
    const optimiser = () => adamw(method.parameterGroups({ weightDecay: 0.05, decays: 'weights' }))
    return { method, optimiser, lr: 1e-4, views: 1 }
  },
  authors: ({ side, batch }) => [String(side), tagList(batch)],
  plain: true,
  bars: [{ of: 'ratio', bound: 2.5, precision: 'fp32', authors: true }],
})
