/** @file train/weaktr: a training step of WeakTr beside the authors', or the same in plain PyTorch. */
import { adamw } from '../../src/optim/index.ts'
import { tagList, trainingRow } from './training.ts'
import { weaktr } from './vit-methods.ts'

export const trainWeaktr = trainingRow({
  method: 'weaktr',
  title: 'WeakTr, DeiT-S, 224 pixels, batch 16',
  size: { side: 224, batch: 16 },
  quick: { side: 64, batch: 2 },
  build({ side }) {
    const method = weaktr(side)
    const optimiser = () => adamw(method.parameterGroups({ weightDecay: 0.05, decays: 'weights' }))
    return { method, optimiser, lr: 1e-4 }
  },
  authors: ({ side, batch }) => [String(side), tagList(batch)],
  plain: true,
})
