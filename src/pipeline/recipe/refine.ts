/** @file The sections `affinity` and `refine`: the network that learns which places belong together, and how maps become pseudo masks. */
import { z } from 'zod'
import type { RecipeProblem } from '../../methods/definition.ts'
import { checkpointFields, jitter, lengthFields, longSide, sgdFields } from '../../methods/train-recipe.ts'
import { CAM_CRF, LABEL_CRF } from '../../refine/crf-parameters.ts'
import { edgeStride, THRESHOLDS } from '../../refine/edge-walk/parameters.ts'
import { PAR } from '../../refine/par/parameters.ts'
import { SURE } from '../../refine/sure-labels.ts'
import { affinityBackbone, backboneShape, checkBackbone } from './backbone.ts'
import { crfSection } from './crf.ts'
import { optionalText } from './fields.ts'
import { parSection } from './par.ts'
import type { Recipe } from './schema.ts'

const sgd = z.strictObject({
  kind: z.literal('sgd').describe('SGD with momentum, as published'),
  lr: z.number().gt(0).default(0.01).describe('learning rate of the backbone at the first step'),
  ...sgdFields,
  weightDecay: sgdFields.weightDecay.default(5e-4),
})

const adamw = z.strictObject({
  kind: z.literal('adamw').describe('AdamW; no decay on one-dimensional tensors'),
  lr: z.number().gt(0).default(5e-5).describe('learning rate of the backbone at the first step'),
  weightDecay: z.number().min(0).default(0.05).describe('decoupled weight decay'),
})

const share = z.number().min(0).max(1)

const score = z.number().gt(0).lt(1)

const pairs = z.enum(['published', 'corrected']).default('corrected')

/** `affinity` section: read where `refine.method` asks for AffinityNet. */
export const affinityRecipe = z.strictObject({
  network: z
    .enum(['affinitynet', 'edge'])
    .default('affinitynet')
    .describe(
      'affinitynet: the affinity of two places is how alike their features are (Ahn and Kwak 2018); edge: that no edge is between them, edges drawn from a backbone that does not learn (IRN, as in SemFormer)',
    ),
  backbone: affinityBackbone,
  weights: optionalText(
    'file with weights to start from (.safetensors, .pth), as res38_cls.pth, resnet38_aff.pth or resnet50-19c8e357.pth; null: those of the trained classification network for backbone model, else random weights',
  ),
  labels: z
    .strictObject({
      low: z
        .number()
        .gt(0)
        .default(1)
        .describe('exponent of the background score (1 - strongest CAM)^low: pixels above it are foreground'),
      high: z
        .number()
        .gt(0)
        .default(12)
        .describe('the same with high: pixels below it are background; the others are ignored'),
      crf: crfSection(CAM_CRF).prefault({}).describe('dense CRF of both'),
      thresholds: z
        .strictObject({
          foreground: score
            .default(THRESHOLDS.foreground)
            .describe('background score whose labels give the foreground'),
          background: score
            .default(THRESHOLDS.background)
            .describe('background score whose labels give the background; what is in neither is ignored'),
          gtProb: z
            .number()
            .gt(0)
            .lt(1)
            .default(0.7)
            .describe('probability that a label is right, for the CRF'),
          crf: crfSection(LABEL_CRF).prefault({}).describe('dense CRF of the labels at both scores'),
        })
        .nullable()
        .default(null)
        .describe(
          'labels at two constant background scores, as in SemFormer, in the place of low and high; null: those',
        ),
    })
    .prefault({})
    .describe('affinity labels: the CAMs through the dense CRF with two background scores'),
  radius: z
    .int()
    .min(2)
    .max(16)
    .default(5)
    .describe(
      'affinities reach pairs nearer than this, in positions of the feature map; published for edge: 10',
    ),
  pairs: pairs.describe(
    'published: no pair starts at the left, right and bottom border, so that scores there hardly change; corrected: all pairs',
  ),
  cropSize: z
    .int()
    .min(8)
    .default(448)
    .describe(
      'side of the training crop, pixels; a multiple of the patch size, of 8 for resnet38, of 16 for resnet50',
    ),
  epochs: z.int().min(1).default(5).describe('passes over the images that have CAMs'),
  batchSize: z
    .int()
    .min(1)
    .default(8)
    .describe('images in a step; reduced for a data set of few batches, unless set by --set'),
  ...lengthFields,
  optimiser: z
    .discriminatedUnion('kind', [sgd, adamw])
    .prefault({ kind: 'adamw' })
    .describe('how weights are updated'),
  headFactor: z
    .number()
    .gt(0)
    .default(10)
    .describe(
      'learning rate of the head, which starts from random weights, over that of the backbone, which does not learn with edge',
    ),
  power: z.number().min(0).default(0.9).describe('learning rate at step s of n: lr * (1 - s / n)^power'),
  augment: z
    .strictObject({
      flip: share.default(0.5).describe('probability of a horizontal flip'),
      longSide: longSide.describe(
        'the longer side of an image before the crop, pixels, [shortest, longest], drawn; needs labels.thresholds; null: as it is',
      ),
      jitter: z
        .union([jitter, z.literal(false)])
        .prefault({})
        .describe('ColorJitter; false: none'),
      padding: z
        .enum(['published', 'corrected'])
        .default('corrected')
        .describe(
          'padding of images smaller than the crop; published: black; corrected: the mean colour, as at inference',
        ),
    })
    .prefault({})
    .describe('random changes to training images'),
  ...checkpointFields,
})

/** `refine` section. */
export const refineRecipe = z.strictObject({
  method: z
    .enum(['none', 'crf', 'par', 'affinity', 'affinity+crf'])
    .default('none')
    .describe(
      'none: the masks of evaluate; crf: the CAMs through the dense CRF; par: through pixel-adaptive refinement; affinity: a random walk along learned affinities, as published; affinity+crf: both',
    ),
  background: z
    .union([z.number().gt(0).lt(1), z.literal('sweep')])
    .default(0.39)
    .describe(
      'constant score of the background (published: 0.39), or sweep: the one that fits the masks of these images best, an upper bound',
    ),
  walk: z
    .strictObject({
      beta: z
        .number()
        .gt(0)
        .default(8)
        .describe('power of each affinity: a higher one stops the walk at weaker borders'),
      logt: z.int().min(0).max(12).default(6).describe('the walk takes 2^logt steps'),
      radius: z
        .int()
        .min(2)
        .max(16)
        .nullable()
        .default(null)
        .describe('as affinity.radius, of the walk; published for edge: 5; null: affinity.radius'),
      relativeTo: z
        .enum(['highest', 'background'])
        .default('background')
        .describe(
          'used with edge: walked maps are divided by the highest value in the image (highest, as published), or place by place by the walk of a background of 1 (background, as affinitynet always does)',
        ),
    })
    .prefault({})
    .describe('the random walk'),
  crf: crfSection(CAM_CRF).prefault({}).describe('dense CRF of crf and affinity+crf'),
  par: parSection(PAR).prefault({}).describe('pixel-adaptive refinement of par'),
  unary: z
    .enum(['scores', 'labels'])
    .default('scores')
    .describe(
      'unary of the dense CRF: scores of CAMs and background (scores), or their argmax, right with probability gtProb, as in WeakTr (labels)',
    ),
  gtProb: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.7)
    .describe('used with unary labels: probability that a label is right'),
  sure: z
    .strictObject({
      foreground: z
        .number()
        .gt(0)
        .lt(1)
        .default(SURE.foreground)
        .describe("share of an image, the highest values of a tag's CAM, that is labelled with the tag"),
      background: z
        .number()
        .gt(0)
        .lt(1)
        .default(SURE.background)
        .describe(
          'share of an image, the lowest values, that is background where the CAMs of all tags agree',
        ),
      margin: z
        .number()
        .min(1)
        .default(SURE.margin)
        .describe(
          "a label needs a CAM this many times as strong as any other tag's, each divided by its value at the foreground share",
        ),
    })
    .nullable()
    .default(null)
    .describe(
      'segmentation is trained on the pixels that the CAMs are sure of; every other pixel may be any of the tags or background; null: on the whole pseudo masks',
    ),
})

export type AffinityRecipe = z.output<typeof affinityRecipe>
export type RefineRecipe = z.output<typeof refineRecipe>

/** Whether the method needs the network of the section `affinity`. */
export function walks({ method }: Pick<RefineRecipe, 'method'>): boolean {
  return method === 'affinity' || method === 'affinity+crf'
}

/** CAMs made for a threshold need it as their background score, unless a random walk makes others of them. */
export function checkBackground(
  { refine }: Pick<Recipe, 'refine'>,
  threshold: number | undefined,
): RecipeProblem[] {
  const { method, background } = refine
  const used = method === 'crf' || method === 'par'
  if (threshold === undefined || !used || background === threshold || background === 'sweep') return []
  const message = `does not fit CAMs that are made for ${threshold}; expected ${threshold}, or sweep`
  return [{ path: ['refine', 'background'], message }]
}

/** Pixels from one position of the map, of which affinities are made, to the next. */
export function affinityStride(recipe: Pick<Recipe, 'affinity' | 'method' | 'model'>): number {
  const { network, backbone: name } = recipe.affinity
  const patch = backboneShape(name, recipe)?.patchSize
  if (network === 'edge') return edgeStride(patch ?? 8)
  if (patch === undefined) return 8
  return patch % 2 === 1 ? patch : patch / 2
}

/** What does not fit together, as path and message (problem; what would be right). */
export function checkAffinity(recipe: Pick<Recipe, 'affinity' | 'method' | 'model'>): RecipeProblem[] {
  const { network, cropSize, backbone: name, radius, pairs, augment, labels } = recipe.affinity
  if (name === 'resnet50' && network !== 'edge') {
    const message = 'is for affinity.network edge alone; expected model, resnet38 or deit-*'
    return [{ path: ['affinity', 'backbone'], message }]
  }
  if (augment.longSide !== null && labels.thresholds === null) {
    const message = 'needs affinity.labels.thresholds; expected null'
    return [{ path: ['affinity', 'augment', 'longSide'], message }]
  }
  const unfit = checkBackbone(name, recipe, ['affinity', 'backbone'])
  if (unfit.length > 0) return unfit
  const unit = backboneShape(name, recipe)?.patchSize ?? (name === 'resnet38' ? 8 : 16)
  const path = ['affinity', 'cropSize']
  if (cropSize % unit !== 0)
    return [{ path, message: `is not a multiple of ${unit}; expected whole patches of ${name}` }]
  const stride = affinityStride(recipe)
  const places = pairs === 'published' ? 2 * radius - 1 : 2 // along a side, for one pair
  const least = Math.ceil((places * stride) / unit) * unit
  if (cropSize >= least) return []
  return [{ path, message: `has no pair of radius ${radius}; expected at least ${least}` }]
}
