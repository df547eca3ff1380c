/** @file The sections `affinity` and `refine`: the network that learns which places belong together, and how maps become pseudo masks. */
import { z } from 'zod'
import type { Problem } from '../../methods/definition.ts'
import { CAM_CRF } from '../../refine/crf-parameters.ts'
import { SURE } from '../../refine/sure-labels.ts'
import { backbone, backboneShape } from './backbone.ts'
import { crfSection } from './crf.ts'
import type { Recipe } from './schema.ts'
import { checkpointFields, lengthFields } from './training.ts'

const sgd = z.strictObject({
  kind: z.literal('sgd').describe('SGD with momentum, as published'),
  lr: z.number().gt(0).default(0.01).describe('learning rate of the backbone at the first step'),
  momentum: z.number().min(0).lt(1).default(0.9).describe('momentum'),
  weightDecay: z.number().min(0).default(5e-4).describe('coupled weight decay'),
  momentumBug: z
    .boolean()
    .default(false)
    .describe('true reproduces a bug of the original: weightDecay is passed in the place of momentum'),
})

const adamw = z.strictObject({
  kind: z.literal('adamw').describe('AdamW; no decay on one-dimensional tensors'),
  lr: z.number().gt(0).default(5e-5).describe('learning rate of the backbone at the first step'),
  weightDecay: z.number().min(0).default(0.05).describe('decoupled weight decay'),
})

const share = z.number().min(0).max(1)

const jitter = z.strictObject({
  brightness: share.default(0.3).describe('factor 1 +- this'),
  contrast: share.default(0.3).describe('factor 1 +- this'),
  saturation: share.default(0.3).describe('factor 1 +- this'),
  hue: z.number().min(0).max(0.5).default(0.1).describe('+- this share of the hue circle'),
})

const pairs = z.enum(['published', 'corrected']).default('corrected')

/** `affinity` section: read where `refine.method` asks for AffinityNet. */
export const affinityRecipe = z.strictObject({
  backbone,
  weights: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'file with weights to start from (.safetensors, .pth), as res38_cls.pth or resnet38_aff.pth; null: those of the trained classification network for backbone model, else random ones',
    ),
  labels: z
    .strictObject({
      low: z
        .number()
        .gt(0)
        .default(1)
        .describe(
          'exponent of the background score (1 - strongest map)^low that what is foreground must beat',
        ),
      high: z
        .number()
        .gt(0)
        .default(12)
        .describe('exponent of the background score that what is surely background must still win with'),
      crf: crfSection(CAM_CRF).prefault({}).describe('dense CRF that both go through'),
    })
    .prefault({})
    .describe('what the network learns from: the maps twice through the dense CRF'),
  radius: z
    .int()
    .min(2)
    .max(16)
    .default(5)
    .describe('pairs of places nearer than this are learned and walked, in positions of the feature map'),
  pairs: pairs.describe(
    'published: no pair starts at the left, right and lower border of an image, so that scores there hardly move; corrected: all pairs',
  ),
  cropSize: z
    .int()
    .min(8)
    .default(448)
    .describe('side of the training crop, pixels; a multiple of the patch size, of 8 for resnet38'),
  epochs: z.int().min(1).default(5).describe('passes over the images that have CAMs'),
  batchSize: z
    .int()
    .min(1)
    .default(8)
    .describe('images in a step; made smaller for a data set of few batches, unless --set gives it'),
  ...lengthFields,
  optimiser: z
    .discriminatedUnion('kind', [sgd, adamw])
    .prefault({ kind: 'adamw' })
    .describe('how weights are updated'),
  headFactor: z
    .number()
    .gt(0)
    .default(10)
    .describe('learning rate of the head, which starts from nothing, over that of the backbone'),
  power: z.number().min(0).default(0.9).describe('learning rate at step s of n: lr * (1 - s / n)^power'),
  augment: z
    .strictObject({
      flip: share.default(0.5).describe('probability of a horizontal flip'),
      jitter: z
        .union([jitter, z.literal(false)])
        .prefault({})
        .describe('random changes of colour; false: none'),
      padding: z
        .enum(['published', 'corrected'])
        .default('corrected')
        .describe(
          'beside an image smaller than the crop; published: black; corrected: the mean colour, as when the network is used',
        ),
    })
    .prefault({})
    .describe('random changes to training images'),
  ...checkpointFields,
})

/** `refine` section. */
export const refineRecipe = z.strictObject({
  method: z
    .enum(['none', 'crf', 'affinity', 'affinity+crf'])
    .default('none')
    .describe(
      'from CAMs to pseudo masks; none: the masks of evaluate; crf: the maps through the dense CRF; affinity: a random walk along learned affinities, as published; affinity+crf: and then the CRF',
    ),
  background: z
    .union([z.number().gt(0).lt(1), z.literal('sweep')])
    .default(0.39)
    .describe(
      'score of the background beside the maps (published: 0.39), or sweep: what fits the masks at hand best, which says nothing of other images',
    ),
  walk: z
    .strictObject({
      beta: z
        .number()
        .gt(0)
        .default(8)
        .describe('power of each affinity: the higher, the less reaches over a border'),
      logt: z.int().min(0).max(12).default(6).describe('the walk takes 2^logt steps'),
    })
    .prefault({})
    .describe('the random walk'),
  crf: crfSection(CAM_CRF).prefault({}).describe('dense CRF of the methods that have one'),
  unary: z
    .enum(['scores', 'labels'])
    .default('scores')
    .describe(
      'what the dense CRF starts from: the scores of maps and background, or the labels of the higher score, each believed by gtProb, as WeakTr does (labels)',
    ),
  gtProb: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.7)
    .describe('read where unary is labels: probability that a label is right'),
  sure: z
    .strictObject({
      foreground: z
        .number()
        .gt(0)
        .lt(1)
        .default(SURE.foreground)
        .describe("share of an image, the highest values of a tag's map, that is labelled with the tag"),
      background: z
        .number()
        .gt(0)
        .lt(1)
        .default(SURE.background)
        .describe('share of it, the lowest values, that is background where the maps of all tags agree'),
      margin: z
        .number()
        .min(1)
        .default(SURE.margin)
        .describe(
          "how many times as strong as any other tag's a map must be, each by where its share begins",
        ),
    })
    .nullable()
    .default(null)
    .describe(
      'segmentation is trained on what the maps are sure of; all it learns of other pixels is that they are one of the tags or background; null: on the whole pseudo masks',
    ),
})

export type AffinityRecipe = z.output<typeof affinityRecipe>
export type RefineRecipe = z.output<typeof refineRecipe>

/** Whether the method needs AffinityNet. */
export function walks({ method }: Pick<RefineRecipe, 'method'>): boolean {
  return method === 'affinity' || method === 'affinity+crf'
}

/** What does not fit together, as path and message (problem; what would be right). */
export function checkAffinity(recipe: Pick<Recipe, 'affinity' | 'method' | 'model'>): Problem[] {
  const { cropSize, backbone: name, radius, pairs } = recipe.affinity
  const unit = backboneShape(name, recipe)?.patchSize ?? 8
  const path = ['affinity', 'cropSize']
  if (cropSize % unit !== 0)
    return [{ path, message: `is not a multiple of ${unit}; expected whole patches of ${name}` }]
  const stride = name === 'resnet38' || unit % 2 === 1 ? unit : unit / 2
  const places = pairs === 'published' ? 2 * radius - 1 : 2 // along a side, for one pair
  const least = Math.ceil((places * stride) / unit) * unit
  if (cropSize >= least) return []
  return [{ path, message: `has no pair of radius ${radius}; expected at least ${least}` }]
}
