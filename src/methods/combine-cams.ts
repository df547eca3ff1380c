/** @file Class-to-patch attention and patch maps to one map a class. */
import type { Tensor } from '../torch/index.ts'

/** fused: attention times patch maps; mct: attention alone; patchcam: patch maps alone. */
export type AttentionType = 'fused' | 'mct' | 'patchcam'

/** [B, C, h, w] both; without patch maps (MCTformer V1) there is attention alone. */
export function combineCams(
  attended: Tensor,
  patchMaps: Tensor | undefined,
  attention: AttentionType,
): Tensor {
  if (attention === 'mct' || patchMaps === undefined) return attended
  return attention === 'patchcam' ? patchMaps : attended.mul(patchMaps)
}
