/** @file sure-masks/ID.png: the pseudo masks that segmentation is trained on where the recipe has `refine.sure`. Part of the stage `refine`; imports no torch. */
import { mkdir } from 'node:fs/promises'
import type { Sample } from '../../../data/dataset.ts'
import { writeLabelMap } from '../../../io/indexed-png.ts'
import { enlargedLabels } from '../../../refine/enlarge-labels.ts'
import { type SureOptions, sureLabels } from '../../../refine/sure-labels.ts'
import { camFile, readCams } from '../../images/cam-file.ts'
import { eachImage } from '../../images/each-image.ts'
import { limitsOf } from '../../images/image-pass.ts'
import { sizeWithin } from '../../images/image-plan.ts'
import type { Size } from '../../images/step-memory.ts'
import type { StageContext } from '../../run/stage.ts'
import { pseudoMaskFile } from './pseudo-masks.ts'

/** From the maps of the folder, of large images as reduced to `maps.longestSide`; what is there is kept. Returns the ids of images that have none. */
export async function writeSureMasks(
  context: StageContext,
  samples: readonly Sample[],
  { maps, sure }: { maps: string; sure: SureOptions },
): Promise<readonly string[]> {
  const { recipe, run } = context
  await mkdir(run.sureMasks, { recursive: true })
  const sizeOf = (own: Size): Size => sizeWithin(recipe.maps.longestSide, own)
  return eachImage(
    samples,
    sample => pseudoMaskFile(run.sureMasks, sample),
    async (sample, file) => {
      const { own, ...seen } = await readCams(camFile(maps, sample), { sizeOf })
      await writeLabelMap(file, enlargedLabels(sureLabels(seen, sure), own))
    },
    { ...limitsOf(context), title: 'sure masks' },
  )
}
