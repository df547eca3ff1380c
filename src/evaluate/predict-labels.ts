/** @file From CAMs to a label map at one threshold. */
import type { LabelGrid } from './confusion.ts'
import { bestClass, type Cams } from './threshold-sweep.ts'

/** Label of each pixel: that of the best class where its score is above float32(threshold), else 0 (background).
 * `labels` counts the background; `file` is named in errors (InputError, as bestClass). */
export function predictLabels(
  maps: Cams,
  { labels, threshold, file }: { labels: number; threshold: number; file: string },
): LabelGrid {
  const { best, label } = bestClass(maps, labels, file)
  const limit = Math.fround(threshold)
  for (let i = 0; i < label.length; i++) if (best[i]! <= limit) label[i] = 0
  return { width: maps.width, height: maps.height, data: label }
}
