/** @file Validation against masks: how well the CAMs of a network in training fit them (main.py, eval_miou). */
import type { Sample } from '../../../data/dataset.ts'
import { readTruth } from '../../../data/truth.ts'
import { InputError } from '../../../errors.ts'
import { addMaps, bestPoint, createSweep, sweepCurve, type ThresholdSweep } from '../../../evaluate/index.ts'
import { count } from '../../../io/count.ts'
import { toFloat32Array } from '../../../io/tensor-data.ts'
import type { Method } from '../../../methods/index.ts'
import type { Validation } from '../../../train/validate.ts'
import { camsOfImages } from '../../images/image-cams.ts'
import type { LostImages } from '../../images/lost-images.ts'
import { openScoredSplit } from '../../run/open-data.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'

/** The images whose masks choose the weights, which a warning says. Throws InputError where none has a mask. */
export async function imagesWithMasks(context: StageContext): Promise<readonly Sample[]> {
  const { split, root, samples } = await openScoredSplit(context)
  const masked = samples.filter(({ mask, tags }) => mask !== undefined && tags.length > 0)
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

/** mIoU (percent) of the CAMs at scale 1 and at their best threshold, over the images; `lost` takes those that cannot be used. Throws Interrupted after an abort. */
export async function validateSeed(
  { recipe, dataset, signal, log }: StageContext,
  method: Method,
  samples: readonly Sample[],
  lost: LostImages,
): Promise<Validation> {
  const sweep = createSweep(dataset.classes.length + 1)
  const progress = log.progress({ title: 'maps to choose weights by', total: samples.length })
  let seen = 0
  method.network.eval()
  const title = 'choosing weights'
  const look = { title, scales: [1], storage: 'float32', onBadImage: lost.add, log } as const
  try {
    for await (const { sample, own, cam } of camsOfImages(method, recipe, samples, look)) {
      await addImage(sweep, sample, { ...own, maps: toFloat32Array(cam) }).catch((error: unknown) => {
        if (recipe.strict || !(error instanceof InputError)) throw error
        lost.add(sample, error)
      })
      progress.update(++seen)
      if (signal.aborted) throw new Interrupted(`${title}, image ${seen} of ${samples.length}`)
    }
  } finally {
    progress.drop()
    await lost.tell(samples.length)
    method.network.train()
  }
  const { miou, threshold } = bestPoint(sweepCurve(sweep, { absent: recipe.evaluate.absent }))
  return { means: { 'gt-mIoU': miou, 'its threshold, %': 100 * threshold }, decisive: 'gt-mIoU' }
}

/** maps [K, height, width], one for each tag */
async function addImage(
  sweep: ThresholdSweep,
  sample: Sample,
  { width, height, maps }: { width: number; height: number; maps: Float32Array },
): Promise<void> {
  const { image, mask, tags } = sample
  const area = width * height
  addMaps(sweep, {
    maps: {
      width,
      height,
      maps: new Map(tags.map((tag, i) => [tag, maps.subarray(i * area, (i + 1) * area)])),
    },
    truth: await readTruth(sample, { width, height }),
    mapFile: image,
    truthFile: mask!,
  })
}
