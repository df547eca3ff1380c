/** @file The section `predict`: how the segmentation network is asked. */
import { z } from 'zod'
import { MCTFORMER_MASK_CRF } from '../../refine/crf-parameters.ts'
import { crfSection } from './crf.ts'

/** `predict` section. */
export const predictRecipe = z.strictObject({
  scales: z
    .array(z.number().gt(0).max(8))
    .min(1)
    .default([0.5, 0.75, 1, 1.25, 1.5])
    .describe('sizes at which an image is looked at for val ms, relative to its own'),
  flip: z.boolean().default(true).describe('also look at the flip at each scale; published: no'),
  combine: z
    .enum(['mean', 'max'])
    .default('mean')
    .describe('of the probabilities of all views: their mean, or the largest of each label, as published'),
  alignCorners: z
    .boolean()
    .default(false)
    .describe('resize the input from corner to corner, as published, although labels come back without'),
  crf: crfSection(MCTFORMER_MASK_CRF)
    .nullable()
    .prefault({})
    .describe('dense CRF for val ms+crf; null: without'),
  crfLabels: z
    .enum(['all', 'best'])
    .default('all')
    .describe(
      'labels the CRF chooses from: all, or those that are the best of some pixel, as WeakTr is published; the fewer, the faster',
    ),
  windows: z
    .strictObject({
      side: z
        .union([z.int().min(8), z.literal('whole')])
        .nullable()
        .default(null)
        .describe(
          'side of a window, pixels; null: segment.cropSize, as published; whole: the whole image at once, for networks trained on crops that are small beside their images',
        ),
      stride: z
        .int()
        .min(1)
        .nullable()
        .default(null)
        .describe('pixels from one window to the next; null: two thirds of the side, as published'),
      shortSide: z
        .int()
        .min(8)
        .nullable()
        .default(null)
        .describe(
          'the shorter side of an image at scale 1, pixels; published: 520; null: that of the image itself',
        ),
      blockEnsemble: z
        .number()
        .min(0)
        .default(0)
        .describe(
          "weight of the masks before the decoder's last block; the authors' evaluation takes 0.8, which no paper mentions",
        ),
    })
    .prefault({})
    .describe('segmenter only: the windows that it looks through'),
  trainSplit: z.boolean().default(false).describe('also predict and score the images that were trained on'),
  longestSide: z
    .int()
    .min(32)
    .default(768)
    .describe(
      'larger images are made smaller for the network, pixels; masks have their own size all the same',
    ),
})

export type PredictRecipe = z.output<typeof predictRecipe>
