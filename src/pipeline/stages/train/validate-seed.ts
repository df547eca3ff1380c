/** @file Validation against masks: how well the class maps of a network in training fit them (main.py, eval_miou). */
import type { Picture } from '../../../data/dataset.ts'
import { readTruth } from '../../../data/truth.ts'
import { InputError } from '../../../errors.ts'
import { addMaps, bestPoint, createSweep, sweepCurve, type ThresholdSweep } from '../../../evaluate/index.ts'
import { count } from '../../../io/count.ts'
import { toFloat32Array } from '../../../io/tensor-data.ts'
import type { Method } from '../../../methods/index.ts'
import type { Validation } from '../../../train/validate.ts'
import { fullSizeMaps } from '../../images/full-size-maps.ts'
import type { LostImages } from '../../images/lost-images.ts'
import { eachPictureMaps } from '../../images/picture-maps.ts'
import { openScoredSplit } from '../../run/open-data.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'

/** The pictures by whose masks weights are chosen, told with a warning. Throws InputError where none has a mask. */
export async function picturesWithMasks(context: StageContext): Promise<readonly Picture[]> {
  const { split, root, pictures } = await openScoredSplit(context)
  const masked = pictures.filter(({ mask, tags }) => mask !== undefined && tags.length > 0)
  if (masked.length === 0) {
    throw new InputError(root, `no image of ${split} has a mask to choose weights by`, {
      field: 'train.select',
      expected: 'tags, where there are no masks; or a split with masks in evaluate.split',
    })
  }
  context.log.warn(
    `weights are chosen by the masks of ${count(masked.length, 'image')} of ${split} (train.select gt-miou): the result no longer rests on tags alone, and must not be compared with one that does`,
  )
  return masked
}

/** mIoU (percent) of the class maps at scale 1 and at their best threshold, over the images; `lost` takes those that cannot be used. Throws Interrupted after an abort. */
export async function validateSeed(
  { recipe, dataset, signal, log }: StageContext,
  method: Method,
  pictures: readonly Picture[],
  lost: LostImages,
): Promise<Validation> {
  const sweep = createSweep(dataset.classes.length + 1)
  const progress = log.progress({ title: 'maps to choose weights by', total: pictures.length })
  let seen = 0
  method.network.eval()
  const options = { title: 'choosing weights', scales: [1], onBadPicture: lost.add, log }
  try {
    await eachPictureMaps(method, recipe, pictures, options, async (picture, made, own) => {
      const maps = toFloat32Array(fullSizeMaps(made, own, 'float32'))
      await addPicture(sweep, picture, { ...own, maps }).catch((error: unknown) => {
        if (recipe.strict || !(error instanceof InputError)) throw error
        lost.add(picture, error)
      })
      progress.update(++seen)
      if (signal.aborted) throw new Interrupted(`choosing weights, image ${seen} of ${pictures.length}`)
    })
  } finally {
    progress.drop()
    await lost.tell(pictures.length)
    method.network.train()
  }
  const { miou, threshold } = bestPoint(sweepCurve(sweep, { absent: recipe.evaluate.absent }))
  return { means: { 'gt-mIoU': miou, 'its threshold, %': 100 * threshold }, decisive: 'gt-mIoU' }
}

/** maps [K, height, width], one for each tag */
async function addPicture(
  sweep: ThresholdSweep,
  picture: Picture,
  { width, height, maps }: { width: number; height: number; maps: Float32Array },
): Promise<void> {
  const { image, mask, tags } = picture
  const area = width * height
  addMaps(sweep, {
    maps: {
      width,
      height,
      maps: new Map(tags.map((tag, i) => [tag, maps.subarray(i * area, (i + 1) * area)])),
    },
    truth: await readTruth(picture, { width, height }),
    mapFile: image,
    truthFile: mask!,
  })
}
