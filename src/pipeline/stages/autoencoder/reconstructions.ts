/** @file Images beside what the autoencoder makes of them, as one PNG for the report. */
import { onlyTagged } from '../../../data/dataset.ts'
import { openEvalLoader } from '../../../data/loader.ts'
import { denormalise, type Normalisation } from '../../../data/transforms/normalise.ts'
import { type RgbImage, writeImage } from '../../../io/image.ts'
import type { Autoencoder } from '../../../methods/index.ts'
import { autocast, noGrad, scope, tensor } from '../../../torch/index.ts'
import type { StageContext } from '../../run/stage.ts'

const SHOWN = 8 // images

/** Writes the first images of the validation, or of the training, in a row, and below each what the autoencoder has of it; nothing where it learns no reconstruction. */
export async function writeReconstructions(
  { recipe, dataset, valDataset = onlyTagged(dataset), run }: StageContext,
  { network, reconstructions, imageSize }: Autoencoder,
): Promise<void> {
  if (reconstructions === undefined) return
  const { normalise, precision, device, data } = recipe
  const loader = openEvalLoader(
    { ...valDataset, samples: valDataset.samples.slice(0, SHOWN) },
    { batchSize: SHOWN, workers: data.workers, strict: false, transform: { imageSize, ...normalise } },
  )
  network.eval()
  try {
    for await (const { images, size } of loader.epoch(0)) {
      const made = noGrad(() =>
        scope(() => {
          const input = tensor(images, [size, 3, imageSize, imageSize]).to({ device })
          return autocast({ precision, device }, () => reconstructions(input)).toFloat32Array()
        }),
      )
      await writeImage(run.reconstructions, grid([images, made], { size, side: imageSize, normalise }))
    }
  } finally {
    await loader.close()
  }
}

/** Rows of normalised images [size, 3, side, side] as one image; values that no pixel has become the nearest. */
function grid(
  rows: readonly Float32Array[],
  { size, side, normalise }: { size: number; side: number; normalise: Normalisation },
): RgbImage {
  const [width, height] = [size * side, rows.length * side]
  const data = new Uint8Array(3 * width * height)
  for (const [row, images] of rows.entries())
    for (let column = 0; column < size; column++) {
      const values = images.subarray(3 * side * side * column, 3 * side * side * (column + 1))
      const square = denormalise({ width: side, height: side, data: clamped(values, normalise) }, normalise)
      for (let y = 0; y < side; y++) {
        const line = square.data.subarray(3 * side * y, 3 * side * (y + 1))
        data.set(line, 3 * ((row * side + y) * width + column * side))
      }
    }
  return { width, height, data }
}

function clamped(values: Float32Array, { mean, std }: Normalisation): Float32Array {
  const plane = values.length / 3
  return values.map((value, i) => {
    const channel = Math.floor(i / plane)
    const at = (level: number): number => (level - mean[channel]!) / std[channel]!
    return Math.min(at(1), Math.max(at(0), value))
  })
}
