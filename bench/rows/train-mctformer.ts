/** @file train/mctformer: V2 beside plain PyTorch. train/mctformer-plus: MCTformer+ beside the authors' step. */
import { adamw } from '../../src/optim/index.ts'
import { tagList, trainingRow } from './training.ts'
import { mctformer } from './vit-methods.ts'

const SIZES = { size: { side: 224, batch: 16 }, quick: { side: 64, batch: 2 } }
const DECAY = { weightDecay: 0.05, decays: 'weights' } as const

export const trainMctformer = trainingRow({
  method: 'mctformer',
  title: 'MCTformer-V2, DeiT-S, 224 pixels, batch 16',
  ...SIZES,
  build({ side }) {
    const method = mctformer(side)
    return { method, optimiser: () => adamw(method.parameterGroups(DECAY)), lr: 1e-4 }
  },
  plain: true,
})

export const trainMctformerPlus = trainingRow({
  method: 'mctformer',
  name: 'mctformer-plus',
  title: 'MCTformer+, DeiT-S, 224 pixels, batch 16',
  ...SIZES,
  build({ side }) {
    const method = mctformer(side, 'plus')
    return { method, optimiser: () => adamw(method.parameterGroups(DECAY)), lr: 1e-4 }
  },
  authors: ({ side, batch }) => [String(side), tagList(batch)],
})
