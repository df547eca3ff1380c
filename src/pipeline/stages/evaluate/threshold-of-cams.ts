/** @file The threshold that the CAMs of a folder suggest by themselves. Part of the stage `evaluate`; imports no torch. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../../errors.ts'
import {
  addBestScores,
  addContours,
  type ChosenThreshold,
  camThreshold,
  createContourEdges,
  createScoreHistogram,
} from '../../../evaluate/index.ts'
import { readImage, reducedImage, reducedSize } from '../../../io/image.ts'
import { readCams } from '../../images/cam-file.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'

const ENOUGH = 200 // images: the threshold of more is the same
const LAST_RESORT = 0.4 // of CAMs that cannot be read: near the best value of MCTformer
const SIDE = 128 // pixels: CAMs and images are averaged down

/** Undefined where no CAM can be read; the stages that need them name those. */
export async function thresholdOfCams(
  folder: string,
  { dataset, signal }: Pick<StageContext, 'dataset' | 'signal'>,
): Promise<number | undefined> {
  const files = (await readdir(folder).catch(() => [])).filter(file => file.endsWith('.safetensors')).sort()
  const images = new Map(dataset.samples.map(({ id, image }) => [`${id}.safetensors`, image]))
  const step = Math.max(1, files.length / ENOUGH)
  const histogram = createScoreHistogram()
  const contours = createContourEdges()
  for (let at = 0; at < files.length; at += step) {
    if (signal.aborted) throw new Interrupted('the threshold of the CAMs')
    const file = files[Math.floor(at)]!
    try {
      const cams = await readCams(join(folder, file), { sizeOf: own => reducedSize(own, SIDE) })
      addBestScores(histogram, cams)
      const image = images.get(file)
      if (image === undefined) continue
      const small = await reducedImage(await readImage(image), SIDE)
      if (small.width === cams.width && small.height === cams.height) addContours(contours, cams, small.data)
    } catch (error) {
      if (!(error instanceof InputError)) throw error
    }
  }
  return camThreshold(histogram, contours)
}

/** The threshold that the CAMs suggest, as a choice; a constant where they suggest none. */
export function chosenByCams(ofCams: number | undefined): ChosenThreshold {
  return ofCams === undefined
    ? { value: LAST_RESORT, choice: { how: 'given' } }
    : { value: ofCams, choice: { how: 'from the CAMs alone' } }
}
