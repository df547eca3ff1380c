/** @file The section `predict`: inference with the segmentation network. */
import { z } from 'zod'
import { MCTFORMER_MASK_CRF } from '../../refine/crf-parameters.ts'
import { crfSection } from './crf.ts'

/** `predict` section. */
export const predictRecipe = z.strictObject({
  scales: z
    .array(z.number().gt(0).max(8))
    .min(1)
    .default([0.5, 0.75, 1, 1.25, 1.5])
    .describe('scales of the input for val ms, relative to the size of the image'),
  flip: z.boolean().default(true).describe('also use the flipped image at each scale; published: no'),
  combine: z
    .enum(['mean', 'max'])
    .default('mean')
    .describe('how the probabilities of all views are combined: mean, or max of each label, as published'),
  alignCorners: z
    .boolean()
    .default(false)
    .describe(
      'resize the input with align_corners, as published; the probabilities are resized without it either way',
    ),
  crf: crfSection(MCTFORMER_MASK_CRF)
    .nullable()
    .prefault({})
    .describe('dense CRF for val ms+crf; null: none'),
  crfLabels: z
    .enum(['all', 'best'])
    .default('all')
    .describe(
      'labels the CRF chooses from: all, or only those most probable at some pixel (best), as published for WeakTr; fewer are faster',
    ),
  windows: z
    .strictObject({
      side: z
        .union([z.int().min(8), z.literal('whole')])
        .nullable()
        .default(null)
        .describe(
          'side of a window, pixels; null: segment.cropSize, as published; whole: the whole image at once, for networks trained on crops much smaller than the images',
        ),
      stride: z
        .int()
        .min(1)
        .nullable()
        .default(null)
        .describe('stride of the windows, pixels; null: two thirds of the side, as published'),
      shortSide: z
        .int()
        .min(8)
        .nullable()
        .default(null)
        .describe('the shorter side of an image at scale 1, pixels; published: 520; null: its own'),
      blockEnsemble: z
        .number()
        .min(0)
        .default(0)
        .describe(
          "weight of the masks before the decoder's last block; the authors' evaluation uses 0.8, which no paper mentions",
        ),
    })
    .prefault({})
    .describe('segmenter only: sliding windows'),
  trainSplit: z.boolean().default(false).describe('also predict and score the training images'),
  longestSide: z
    .int()
    .min(32)
    .default(768)
    .describe('larger images are reduced to this for the network, pixels; masks keep the size of the image'),
})

export type PredictRecipe = z.output<typeof predictRecipe>
