/** @file sure-masks/ID.png: the pseudo masks that segmentation is trained on where the recipe has `refine.sure`. Part of the stage `refine`; imports no torch. */
import { mkdir } from 'node:fs/promises'
import type { Picture } from '../../data/dataset.ts'
import { InputError } from '../../errors.ts'
import { writeLabelMap } from '../../io/indexed-png.ts'
import {
  countMaps,
  createMapCounts,
  type SureLevels,
  type SureOptions,
  sureLabels,
  sureLevels,
} from '../../refine/sure-labels.ts'
import { classMapFile, readClassMaps } from '../class-map-file.ts'
import { eachPicture } from '../each-picture.ts'
import { Interrupted, type StageContext } from '../stage.ts'
import { pseudoMaskFile } from './pseudo-masks.ts'

/** Reads the maps of the folder twice: once to see how high they are, once to label the pictures. What is there is kept. */
export async function writeSureMasks(
  context: StageContext,
  pictures: readonly Picture[],
  { maps, sure }: { maps: string; sure: SureOptions },
): Promise<void> {
  const { recipe, run, signal, log } = context
  await mkdir(run.sureMasks, { recursive: true })
  const levels = await levelsOf(context, pictures, { maps, sure })
  await eachPicture(
    pictures,
    picture => pseudoMaskFile(run.sureMasks, picture),
    async (picture, file) =>
      writeLabelMap(file, sureLabels(await readClassMaps(classMapFile(maps, picture)), levels, sure)),
    { title: 'sure masks', lacks: 'no sure mask', strict: recipe.strict, signal, log },
  )
}

async function levelsOf(
  { recipe, dataset: { classes }, signal, log }: StageContext,
  pictures: readonly Picture[],
  { maps, sure }: { maps: string; sure: SureOptions },
): Promise<SureLevels> {
  const counts = createMapCounts(classes.length)
  const progress = log.progress({ title: 'levels', total: pictures.length })
  for (const [i, picture] of pictures.entries()) {
    if (signal.aborted) throw new Interrupted(`the levels of the sure masks, picture ${i}`)
    try {
      countMaps(counts, (await readClassMaps(classMapFile(maps, picture))).maps)
    } catch (error) {
      if (recipe.strict || !(error instanceof InputError)) throw error
      log.warn(`${picture.id} is left out: ${error.message}`)
    }
    progress.update(i + 1)
  }
  progress.finish()
  const levels = sureLevels(counts, sure)
  const round = (value: number): string => value.toFixed(2)
  log.info(
    `sure masks: of a class from its map's ${classes.map((name, k) => `${name} ${round(levels.high[k]!)}`).join(', ')} on`,
  )
  return levels
}
