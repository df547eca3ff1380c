/** @file sure-masks/ID.png: the pseudo masks that segmentation is trained on where the recipe has `refine.sure`. Part of the stage `refine`; imports no torch. */
import { mkdir } from 'node:fs/promises'
import type { Picture } from '../../data/dataset.ts'
import { InputError } from '../../errors.ts'
import { writeLabelMap } from '../../io/indexed-png.ts'
import { UNSURE } from '../../io/label-values.ts'
import { type SureOptions, sureLabels } from '../../refine/sure-labels.ts'
import { classMapFile, readClassMaps } from '../class-map-file.ts'
import { eachPicture } from '../each-picture.ts'
import type { StageContext } from '../stage.ts'
import { pseudoMaskFile } from './pseudo-masks.ts'

/** From the maps of the folder; what is there is kept. */
export async function writeSureMasks(
  { recipe, run, dataset, signal, log }: StageContext,
  pictures: readonly Picture[],
  { maps, sure }: { maps: string; sure: SureOptions },
): Promise<void> {
  if (dataset.classes.length >= UNSURE) {
    throw new InputError('refine.sure', `is set with ${dataset.classes.length} classes`, {
      expected: `the value ${UNSURE} says "not sure" in its masks: at most ${UNSURE - 1} classes, or refine.sure: null`,
    })
  }
  await mkdir(run.sureMasks, { recursive: true })
  await eachPicture(
    pictures,
    picture => pseudoMaskFile(run.sureMasks, picture),
    async (picture, file) =>
      writeLabelMap(file, sureLabels(await readClassMaps(classMapFile(maps, picture)), sure)),
    { title: 'sure masks', lacks: 'no sure mask', strict: recipe.strict, signal, log },
  )
}
