/** @file The threshold that the CAMs of a folder suggest by themselves. Part of the stage `evaluate`; imports no torch. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { scaledSize } from '../../../data/transforms/views.ts'
import { InputError } from '../../../errors.ts'
import {
  addBestScores,
  type ChosenThreshold,
  camThreshold,
  createScoreHistogram,
} from '../../../evaluate/index.ts'
import { readCams } from '../../images/cam-file.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'

const ENOUGH = 400 // images: the threshold of more is the same
const LAST_RESORT = 0.4 // of CAMs that cannot be read: near the best value of MCTformer
const SIDE = 256 // pixels: larger CAMs are averaged down

/** Undefined where no CAM can be read; the stages that need them name those. */
export async function thresholdOfCams(
  folder: string,
  { signal }: Pick<StageContext, 'signal'>,
): Promise<number | undefined> {
  const files = (await readdir(folder).catch(() => [])).filter(file => file.endsWith('.safetensors')).sort()
  const step = Math.max(1, files.length / ENOUGH)
  const histogram = createScoreHistogram()
  for (let at = 0; at < files.length; at += step) {
    if (signal.aborted) throw new Interrupted('the threshold of the CAMs')
    const file = join(folder, files[Math.floor(at)]!)
    try {
      const sizeOf = (own: { width: number; height: number }) =>
        scaledSize(own, Math.min(1, SIDE / Math.max(own.width, own.height)))
      addBestScores(histogram, await readCams(file, { sizeOf }))
    } catch (error) {
      if (!(error instanceof InputError)) throw error
    }
  }
  return camThreshold(histogram)
}

/** The threshold that the CAMs suggest, as a choice; a constant where they suggest none. */
export function chosenByCams(ofCams: number | undefined): ChosenThreshold {
  return ofCams === undefined
    ? { value: LAST_RESORT, choice: { how: 'given' } }
    : { value: ofCams, choice: { how: 'from the CAMs alone' } }
}
