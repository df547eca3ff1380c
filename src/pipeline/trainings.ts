/** @file The trainings of a recipe: which there are, and where the settings of each are written. Imports no torch. */

import { encoderOf } from './recipe/method.ts'
import type { Recipe } from './recipe/schema.ts'
import { firstTraining, firstTrainingKey } from './recipe/segment.ts'
import { stagesOf } from './stage.ts'

/** One training, before anything is known of its data. */
export interface Training {
  /** Section of its settings, its name in messages. */
  readonly section: 'train' | 'affinity' | 'segment' | 'segment.retrain.first'
  readonly batchSize: number
  readonly dropLast: boolean
  /** Side of the pictures it sees, pixels, and the key that says so. */
  readonly side: number
  readonly sideKey: string
}

/** The trainings that a recipe has, in the order in which they run; the first of segmentation where it has its own batches. */
export function trainingsOf(recipe: Recipe): Training[] {
  const { train, affinity, segment } = recipe
  const stages = stagesOf(recipe)
  const trainings: Training[] = []
  if (stages.includes('train'))
    trainings.push({
      section: 'train',
      ...sizes(train),
      side: encoderOf(recipe).imageSize,
      sideKey: 'model.imageSize',
    })
  if (stages.includes('affinity'))
    trainings.push({
      section: 'affinity',
      ...sizes(affinity),
      side: affinity.cropSize,
      sideKey: 'affinity.cropSize',
    })
  if (segment === null) return trainings
  const crop = { side: segment.cropSize, sideKey: 'segment.cropSize' }
  if (firstTrainingKey(segment, 'batchSize') !== 'segment.batchSize')
    trainings.push({ section: 'segment.retrain.first', ...sizes(firstTraining(segment)), ...crop })
  return [...trainings, { section: 'segment', ...sizes(segment), ...crop }]
}

function sizes({ batchSize, dropLast }: { batchSize: number; dropLast: boolean }) {
  return { batchSize, dropLast }
}
