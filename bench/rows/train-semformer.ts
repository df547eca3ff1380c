/** @file train/semformer: a training step of SemFormer's network, guided by an autoencoder, beside the authors'. */
import { sgd } from '../../src/optim/index.ts'
import { tagList, trainingRow } from './training.ts'
import { semformer } from './vit-methods.ts'

export const trainSemformer = trainingRow({
  method: 'semformer',
  title: 'SemFormer, DeiT-S, 224 pixels, guided by a DeiT-S at 112, batch 4',
  size: { side: 224, batch: 4 },
  quick: { side: 64, batch: 2 },
  build({ side }) {
    const method = semformer(side)
    return {
      method,
      optimiser: () => sgd(method.parameterGroups({ weightDecay: 5e-4, decays: 'weights' })),
      lr: 0.005,
    }
  },
  authors: ({ side, batch }) => [String(side), String(side / 2), tagList(batch)],
  bars: [{ of: 'ratio', bound: 2, authors: true }],
})
