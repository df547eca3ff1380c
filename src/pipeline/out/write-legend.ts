/** @file labels.txt and labels.json of a run: the labels in masks/, pseudo-masks/ and predictions/. Imports no torch. */
import { join } from 'node:path'
import type { Dataset } from '../../data/dataset.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { legendFiles } from '../../io/label-legend.ts'
import type { RunFolder } from '../run/run-folder.ts'

/** Index, name and colour of each label in the run's masks, the background first. */
export async function writeLegend(
  { root }: Pick<RunFolder, 'root'>,
  { classes }: Pick<Dataset, 'classes'>,
): Promise<void> {
  for (const [name, text] of legendFiles(['background', ...classes]))
    await writeFileAtomic(join(root, name), text)
}
