/** @file Published constants of the edge walk. Imports nothing. */
/** Pixels from one edge to the next (semformer, core/affinitynet.py). */
export const EDGE_STRIDE = 4

/** Of the edge map over feature maps of that stride: the published one where it divides theirs. */
export function edgeStride(stride: number): number {
  return stride % EDGE_STRIDE === 0 ? EDGE_STRIDE : stride
}

/** Background scores of affinity labels (make_affinity_labels.py): where they differ as these do, only the CRF leaves pixels unsure. */
export const THRESHOLDS = { foreground: 0.11, background: 0.15 } as const

/** Of the random walk (inference_rw.py). */
export const EDGE_WALK = { beta: 10, logt: 8, radius: 5 } as const
