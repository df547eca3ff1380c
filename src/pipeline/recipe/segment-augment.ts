/** @file The section `segment.augment`: how training images are scaled, cut and changed. */
import { z } from 'zod'
import { PHOTOMETRIC } from '../../data/transforms/photometric.ts'
import { RETRAIN_TRANSFORM } from '../../data/transforms/retrain.ts'
import { flip, range } from '../../methods/train-recipe.ts'

const scaleAugment = z.strictObject({
  kind: z
    .literal('scale')
    .default('scale')
    .optional()
    .describe("scale, as MCTformer's: a factor on the image's own size"),
  scale: range(0.7, 1.3, 'factor on both sides of an image before it is cut, [smallest, largest]'),
  scalePer: z
    .enum(['batch', 'image'])
    .default('image')
    .describe('one factor for all images of a batch, as published, or one for each image'),
  flip,
  padding: z
    .enum(['background', 'ignore'])
    .default('ignore')
    .describe(
      'label of the padding of images smaller than the crop: background, as published, or the ignore label',
    ),
})

const photometricAugment = z.strictObject({
  brightness: z.number().min(0).default(PHOTOMETRIC.brightness).describe('largest change, grey levels'),
  contrast: range(...PHOTOMETRIC.contrast, 'factor on all values, [smallest, largest]'),
  saturation: range(...PHOTOMETRIC.saturation, 'factor on the saturation, [smallest, largest]'),
  hue: z.int().min(1).max(90).default(PHOTOMETRIC.hue).describe('largest shift, of 180'),
})

const rescaleAugment = z.strictObject({
  kind: z
    .literal('rescale')
    .describe("rescale, as WeakTr's online retraining: a factor on one size for all images"),
  shortSide: z
    .int()
    .min(8)
    .default(RETRAIN_TRANSFORM.shortSide)
    .describe('the shorter side of an image at factor 1, pixels'),
  maxRatio: z
    .number()
    .min(1)
    .default(RETRAIN_TRANSFORM.maxRatio)
    .describe('the longer side is at most this many shorter sides'),
  scale: range(...RETRAIN_TRANSFORM.scale, 'factor on the shorter side, [smallest, largest]'),
  labelShare: z
    .number()
    .gt(0)
    .max(1)
    .default(RETRAIN_TRANSFORM.labelShare)
    .describe(
      'a crop is drawn again, at most ten times, while one label covers at least this share of it; 1: never',
    ),
  flip,
  photometric: z
    .union([photometricAugment, z.literal(false)])
    .prefault({})
    .describe('brightness, contrast, saturation and hue, each changed in half of the images; false: none'),
})

export const segmentAugment = z.discriminatedUnion('kind', [scaleAugment, rescaleAugment])
