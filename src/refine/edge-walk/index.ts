/** @file The edge walk (IRN, Ahn et al. 2019, as SemFormer uses it): edges learned from CAMs, and the random walk that they stop. */
export {
  type EdgeBackbone,
  type EdgeLevel,
  edgeBackboneOf,
  resnet50Backbone,
} from './edge-backbone.ts'
export { EdgeHead, EdgeNet, edgeGroups } from './edge-network.ts'
export {
  type EdgeWalkOptions,
  edgeWalk,
  edgeWalkedMaps,
  type ImageEdges,
  relativeToHighest,
} from './edge-walk.ts'
export { imageEdges } from './image-edges.ts'
export { edgeLosses } from './losses.ts'
export { EDGE_STRIDE, EDGE_WALK, edgeStride, THRESHOLDS } from './parameters.ts'
export { pathAffinity } from './path-affinity.ts'
export { pathPositions, pathSteps } from './paths.ts'
export { thresholdLabels } from './threshold-labels.ts'
