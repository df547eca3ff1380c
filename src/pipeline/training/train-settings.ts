/** @file Optimiser, learning rate and image crops of the section `train`. */
import type { CropTransform } from '../../data/samples.ts'
import type { Method } from '../../methods/index.ts'
import type { AugmentRecipe } from '../../methods/train-recipe.ts'
import {
  adamw,
  cosineEpoch,
  cosineStep,
  type Optimiser,
  polySgdMomentum,
  polyStep,
  scaledLr,
  sgd,
} from '../../optim/index.ts'
import type { LearningRate } from '../../train/loop.ts'
import { encoderOf, viewsOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { TrainingLength } from './run-training.ts'

export function optimiserOf(
  { parameterGroups }: Pick<Method, 'parameterGroups'>,
  { optimiser }: Pick<Recipe['train'], 'optimiser'>,
): Optimiser {
  const groups = parameterGroups(optimiser)
  if (optimiser.kind !== 'sgd') return adamw(groups, optimiser)
  return sgd(groups, { momentum: polySgdMomentum(optimiser), nesterov: optimiser.nesterov })
}

export function learningRateOf(
  { schedule, optimiser, batchSize }: Pick<Recipe['train'], 'schedule' | 'optimiser' | 'batchSize'>,
  { epochs, batches, steps }: TrainingLength,
): LearningRate {
  const lr = scaledLr(optimiser.lr, { batchSize, lrBatch: optimiser.lrBatch })
  if (schedule.kind === 'cosine-epoch') {
    const rate = cosineEpoch({ ...schedule, lr, epochs })
    return ({ epoch }) => rate(epoch)
  }
  const rate =
    schedule.kind === 'poly'
      ? polyStep({ ...schedule, lr, steps })
      : cosineStep({
          lr,
          minLr: schedule.minLr,
          steps,
          warmupSteps: Math.round(schedule.warmupEpochs * batches),
        })
  return ({ step }) => rate(step)
}

/** One for each view of an image that the method trains on. */
export function cropsOf(recipe: Recipe): CropTransform[] {
  const { imageSize } = encoderOf(recipe)
  return viewsOf(recipe).map(augment => ({ imageSize, ...recipe.normalise, ...cropOf(augment) }))
}

/** The fields of the transform. The kinds differ in them: a padded crop has `padding`, one of the enlarged image `expand`. */
export function cropOf(augment: AugmentRecipe) {
  if (augment.kind === 'padded-crop') return augment
  const { crop, ...rest } = augment
  return { ...crop, ...rest }
}
