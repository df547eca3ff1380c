/** @file Validation of an autoencoder by the tags: how well its similarities tell the classes of images (train_caae.py, evaluate). */
import type { BatchSource } from '../../../data/batch-loader.ts'
import type { Batch } from '../../../data/loader.ts'
import { bestThresholdPrecision } from '../../../evaluate/index.ts'
import type { Autoencoder } from '../../../methods/index.ts'
import { autocast, noGrad, type Precision, scope, tensor } from '../../../torch/index.ts'
import type { Validation } from '../../../train/validate.ts'

/** Average precision of the similarities at their best threshold, mean over the images, the background counted as a class. */
export async function validateAutoencoder(
  { network, similarities, imageSize }: Autoencoder,
  loader: Pick<BatchSource<Batch>, 'epoch'>,
  { numClasses, device, precision }: { numClasses: number; device: string; precision: Precision },
): Promise<Validation> {
  const scores: number[] = []
  const targets: number[] = []
  network.eval()
  try {
    for await (const { images, targets: wanted, size } of loader.epoch(0)) {
      const seen = noGrad(() =>
        scope(() => {
          const input = tensor(images, [size, 3, imageSize, imageSize]).to({ device })
          return autocast({ precision, device }, () => similarities(input)).toFloat32Array()
        }),
      )
      scores.push(...seen)
      for (let image = 0; image < size; image++)
        targets.push(1, ...wanted.subarray(image * numClasses, (image + 1) * numClasses))
    }
  } finally {
    network.train()
  }
  const { precision: mean, threshold } = bestThresholdPrecision({
    scores: Float32Array.from(scores),
    targets: Float32Array.from(targets),
    classes: 1 + numClasses,
  })
  const name = 'mAP per image, cut'
  return { means: { [name]: mean, 'its threshold, %': 100 * threshold }, decisive: name }
}
