/** @file Stage `refine`: from CAMs to pseudo masks. */
import { join } from 'node:path'
import { onlyTagged } from '../../../data/dataset.ts'
import type { StageDefinition } from '../../run/stage.ts'
import { affinity } from '../affinity/index.ts'
import { evaluate } from '../evaluate/index.ts'
import { maps } from '../maps/index.ts'

export const refine: StageDefinition = {
  name: 'refine',
  product: 'the pseudo masks',
  has: ({ refine, segment }) => refine.method !== 'none' || segment !== null,
  before: ({ refine: { method } }) =>
    method === 'none' ? { base: [maps, evaluate] } : { base: [maps, affinity], soft: [evaluate] },
  sections: ({ refine }) => (refine.background === 'sweep' ? ['refine', 'evaluate'] : ['refine']),
  notKeys: /^evaluate\.(threshold|split)$/,
  images({ recipe: { refine }, dataset }) {
    return { base: refine.method === 'none' ? [] : [onlyTagged(dataset)] }
  },
  masks({ recipe: { refine }, scored }) {
    if (refine.method === 'none') return {}
    return refine.background === 'sweep' ? { base: [scored] } : { soft: [scored] }
  },
  outputs: ({ refined, pseudoMasks, sureMasks, refineScores, refineTable }) => [
    { path: refined },
    { path: pseudoMasks, needed: true },
    { path: sureMasks },
    { path: refineScores },
    { path: refineTable },
  ],
  filesOfImage: ({ id }, { run }) => [join(run.pseudoMasks, `${id}.png`)],
  shards: {
    obstacle: ({ refine: { method, background } }) =>
      background === 'sweep' && (method === 'crf' || method === 'par')
        ? {
            key: 'refine.background',
            problem: 'is sweep: it is chosen by the CAMs of all images together',
            expected: 'run it without --shard, or give a score: --set refine.background=0.4',
          }
        : undefined,
  },
  table: ({ refineTable }) => refineTable,
  load: async () => (await import('./refine.ts')).refineStage,
}
