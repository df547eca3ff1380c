/** @file Stage `maps`: from weights to a CAM for each tagged image. */
import { join } from 'node:path'
import { onlyTagged } from '../../../data/dataset.ts'
import { BLOCK } from '../../images/image-groups.ts'
import { hasStage, type StageDefinition } from '../../run/stage.ts'
import { train } from '../train/index.ts'

export const maps: StageDefinition = {
  name: 'maps',
  product: 'the CAMs',
  command: {
    brief: 'Make CAMs with the trained network of a run',
    description: `Writes maps/ID.safetensors for each tagged image. Needs the stage train of the same run.

Examples:
  tagmask maps runs/mctformer-v2_deit-ti_voc-mini
  tagmask maps thirty --shard 2/8            (an eighth of the images: docs/shards.md)
  tagmask maps thirty --set maps.layers=6 --resume-with-changes
  tagmask maps mctformer-v2_deit-s_voc12 --data VOCdevkit/VOC2012 --checkpoint MCTformer_v2.pth`,
    flags: ['checkpoint', 'select', 'device', 'precision', 'threads', 'shard'],
  },
  before: () => ({ base: [train] }),
  // without the stage train, the network depends on these keys alone
  sections: recipe =>
    !hasStage(train, recipe)
      ? ['method', 'model', 'normalise', 'precision', 'maps', 'memory']
      : ['maps', 'memory'],
  images: ({ dataset }) => ({ base: [onlyTagged(dataset)] }),
  outputs: ({ maps, headWeights, classTokens }) => [
    { path: maps, needed: true },
    { path: headWeights },
    { path: classTokens },
  ],
  filesOfImage: ({ id }, { run }) => [join(run.maps, `${id}.safetensors`)],
  shards: { block: BLOCK },
  weights: { key: 'maps.weights', flag: '--checkpoint' },
  load: async () => (await import('./maps.ts')).mapsStage,
}
