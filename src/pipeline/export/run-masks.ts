/** @file The masks of a run: those in result/, which people may have corrected, else the last that its stages made. Imports no torch. */

import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import type { Log } from '../../train/log.ts'
import { camFile } from '../images/cam-file.ts'
import { exists } from '../images/image-pass.ts'
import { mapInParallel } from '../images/in-parallel.ts'
import { loadRecipe } from '../recipe/load.ts'
import { openRunData } from '../run/open-data.ts'
import { existingRunFolder, fromHere } from '../run/run-folder.ts'
import { finalMasks, resultFiles, sourcesInWords } from '../stages/result/final-masks.ts'
import { fileNames, type MaskSource } from './mask-source.ts'

export interface RunMasksOptions {
  /** Folder of the data set, where it has moved. */
  readonly data?: string | undefined
  readonly runs: string
  readonly log: Log
}

/** Throws InputError when the run has made no masks yet, or its data set is gone. */
export async function runMasks(root: string, { data, runs, log }: RunMasksOptions): Promise<MaskSource> {
  const { run } = await existingRunFolder(root)
  const overrides = data === undefined ? [] : [{ path: ['data', 'root'], value: data, source: '--data' }]
  const { recipe: loaded } = await loadRecipe(run.recipe, { overrides })
  const { recipe, dataset, valDataset } = await openRunData(loaded, { runs, log })
  const { masks, without } = await finalMasks({ recipe, run, dataset, valDataset })
  if (masks.length === 0)
    throw new InputError(fromHere(run.root), 'has made no masks yet', {
      expected: `finish it first: tagmask run ${fromHere(run.root)}`,
    })
  log.info(`masks of ${fromHere(run.root)}: ${sourcesInWords(masks)}`)
  if (without.length > 0) log.info(`${without.length} of its images have no mask`)
  const names = fileNames(masks.map(({ sample }) => sample.image))
  const result = resultFiles(run).masks
  return {
    name: run.name,
    classes: dataset.classes,
    masks: await mapInParallel(masks, async ({ sample, name, file, source, split }, i) => {
      const corrected = join(result, `${name}.png`)
      return {
        id: name,
        mask: (await exists(corrected)) ? corrected : file,
        image: sample.image,
        fileName: names[i]!,
        split,
        cams: source === 'prediction' ? undefined : camFile(run.maps, sample),
      }
    }),
    data: recipe.data.root ?? undefined,
    places: [{ path: run.root, what: 'the run folder' }],
  }
}
