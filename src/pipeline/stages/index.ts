/** @file The stages by name. Each is loaded when it runs, so that --help and recipe errors never wait for libtorch. */
import type { StageTable } from '../run-stages.ts'

/** What `tagmask run` runs. */
export const stageTable: StageTable = {
  train: async () => (await import('./train.ts')).trainStage,
  maps: async () => (await import('./maps.ts')).mapsStage,
  evaluate: async () => (await import('./evaluate.ts')).evaluateStage,
  affinity: async () => (await import('./affinity.ts')).affinityStage,
  refine: async () => (await import('./refine.ts')).refineStage,
  segment: async () => (await import('./segment.ts')).segmentStage,
  predict: async () => (await import('./predict.ts')).predictStage,
  report: async () => (await import('./report.ts')).reportStage,
}
