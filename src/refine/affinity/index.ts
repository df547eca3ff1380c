/** @file AffinityNet (Ahn and Kwak 2018): pairwise affinities learned from CAMs, and the random walk along them. */
export { affinityGroups } from './groups.ts'
export { type Affinities, imageAffinities } from './image-affinities.ts'
export { affinityLosses } from './losses.ts'
export { AffinityHead, AffinityNet, affinityNet, type Reduced, SMALL } from './network.ts'
export { pairAffinity } from './pair-affinity.ts'
export { PAIR, pairLabels } from './pair-labels.ts'
export {
  type Offset,
  type PairGrid,
  type PairOptions,
  type PairRule,
  pairOffsets,
  pairStarts,
} from './pairs.ts'
export { randomWalk, type WalkOptions } from './random-walk.ts'
export { upsampledScores, type WalkedImage, walkedMaps, walkedScores } from './walk-maps.ts'
