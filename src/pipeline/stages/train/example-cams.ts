/** @file The CAMs of a few fixed images while their network trains, for TensorBoard and the live report. */
import { onlyTagged } from '../../../data/dataset.ts'
import type { Sample } from '../../../data/sample.ts'
import { resize } from '../../../data/transforms/resize.ts'
import { InputError } from '../../../errors.ts'
import { type RgbImage, readImage } from '../../../io/image.ts'
import { toFloat32Array } from '../../../io/tensor-data.ts'
import type { Method } from '../../../methods/index.ts'
import type { NamedImage } from '../../../train/tensorboard/event.ts'
import { type CamsOfImage, camsOfImages } from '../../images/image-cams.ts'
import { collectLost, type LostImages } from '../../images/lost-images.ts'
import { drawColumn } from '../../report/index.ts'
import type { StageContext } from '../../run/stage.ts'

const MOST = 12 // images
const SIDE = 256 // the longest of an image as it is shown, pixels

/**
 * Draws the CAMs at scale 1 of the same images of the validation, or of the training, whenever it is called: one image for
 * each tag. Network and random numbers stay as they were. Unusable images are named once and left out, or thrown when `strict`.
 */
export function openExamples(context: StageContext, method: Method): () => Promise<NamedImage[]> {
  const { dataset, valDataset = dataset, run, log } = context
  const { samples } = onlyTagged(valDataset)
  const shown = spread(samples, Math.min(MOST, context.recipe.report.images))
  const lost = collectLost({ title: 'example images', list: run.lostImages, log })
  return () => drawExamples(context, { method, shown, lost })
}

async function drawExamples(
  { recipe, dataset, log }: StageContext,
  { method, shown, lost }: { method: Method; shown: readonly Sample[]; lost: LostImages },
): Promise<NamedImage[]> {
  const drawn: NamedImage[] = []
  method.network.eval()
  const look = {
    title: 'example images',
    scales: [1],
    storage: 'float32',
    onBadImage: lost.add,
    log,
  } as const
  try {
    for await (const cams of camsOfImages(method, recipe, shown, look)) {
      try {
        drawn.push(...(await drawCams(cams, dataset.classes)))
      } catch (error) {
        if (recipe.strict || !(error instanceof InputError)) throw error
        lost.add(cams.sample, error)
      }
    }
  } finally {
    await lost.tell(shown.length)
    method.network.train()
  }
  return drawn
}

async function drawCams(
  { sample: { id, image, tags }, own, cam }: CamsOfImage,
  classes: readonly string[],
): Promise<NamedImage[]> {
  const photo = await readImage(image)
  const maps = toFloat32Array(cam)
  const area = own.width * own.height
  return tags.map((tag, i) => {
    const title = classes[tag]!
    const map = maps.subarray(i * area, (i + 1) * area)
    return { tag: `CAMs/${id}, ${title}`, image: reduced(drawColumn(photo, { kind: 'CAM', title, map }, id)) }
  })
}

/** Evenly over the list, in its order. */
function spread<T>(all: readonly T[], most: number): T[] {
  const count = Math.min(most, all.length)
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]!)
}

function reduced(image: RgbImage): RgbImage {
  const ratio = Math.min(1, SIDE / Math.max(image.width, image.height))
  const side = (pixels: number): number => Math.max(1, Math.round(ratio * pixels))
  return resize(image, { width: side(image.width), height: side(image.height) })
}
