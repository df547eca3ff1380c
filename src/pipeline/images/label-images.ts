/** @file Labels images with a network and writes each at once; existing files stay. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Sample } from '../../data/sample.ts'
import { writeLabelMap } from '../../io/indexed-png.ts'
import type { LabelNetwork } from '../../models/label-network.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { StageContext } from '../run/stage.ts'
import type { Way } from '../stages/predict/prediction-file.ts'
import { limitsOf, type PassOptions, passOverStream } from './image-pass.ts'
import { lookOf, type Prediction, type PredictOptions, predictImages } from './predict-images.ts'

export type LabelImagesOptions = PassOptions<Sample> & Pick<PredictOptions, 'ways'> & Partial<PredictOptions>

/** Options default to the section `predict`. Returns, reports and throws as `passOver`. */
export function labelImages(
  recipe: Recipe,
  network: LabelNetwork,
  samples: readonly Sample[],
  options: LabelImagesOptions,
  write: (prediction: Prediction) => Promise<void>,
): Promise<readonly string[]> {
  const look = { ...lookOf(recipe), ...options }
  return passOverStream(
    samples,
    options,
    ({ all, open, lose }) => predictImages(network, open, { ...look, among: all, onBadImage: lose }),
    write,
  )
}

/** For a stage: one PNG for each way. */
export async function writeLabels(
  context: StageContext,
  network: LabelNetwork,
  samples: readonly Sample[],
  {
    fileOf,
    ...options
  }: Partial<LabelImagesOptions> &
    Pick<LabelImagesOptions, 'title' | 'ways'> & { readonly fileOf: (sample: Sample, way: Way) => string },
): Promise<void> {
  const filesOf = (sample: Sample): string[] => options.ways.map(way => fileOf(sample, way))
  for (const file of samples.slice(0, 1).flatMap(filesOf)) await mkdir(dirname(file), { recursive: true })
  const all = { ...limitsOf(context), ...options, filesOf }
  await labelImages(context.recipe, network, samples, all, async ({ sample, labels }) => {
    for (const [way, map] of labels) await writeLabelMap(fileOf(sample, way), map)
  })
}
