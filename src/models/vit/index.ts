/** @file The parts vision transformers are built from. */
export {
  type Attended,
  Attention,
  type AttentionState,
  attentionRows,
  type LogitFactors,
} from './attention.ts'
export { fromAugreg, isAugreg } from './augreg.ts'
export { Block, blocks } from './block.ts'
export {
  type ClassTokenOptions,
  ClassTokenTransformer,
  noDecay,
  type PatchGrid,
} from './class-token-transformer.ts'
export { geometryOf, patchRemedy, refuseOtherSize, withGuess } from './foreign-weights.ts'
export { Mlp } from './mlp.ts'
export { PatchEmbed, padToPatches } from './patch-embed.ts'
export { plainWeights, unwrapVit } from './plain-weights.ts'
export { resamplePositions } from './pos-embed.ts'
export {
  type AdaptedVit,
  adaptVisionTransformer,
  fitTokens,
  type Positions,
  positionWords,
  pretrainedPositions,
  pretrainedTensor,
  resizePositions,
  tokenWords,
} from './pretrained.ts'
export { type BlockVisitor, type Recorded, runBlocks, tokensOfBlocks } from './trunk.ts'
export { VisionTransformer, type VisionTransformerOptions } from './vision-transformer.ts'
export { deit, type VitOptions, type VitWidth, vitSizes } from './widths.ts'
