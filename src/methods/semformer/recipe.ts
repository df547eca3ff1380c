/** @file What a recipe says about SemFormer: the network, the autoencoder that guides it, the losses, the CAMs. Loads no libtorch. */
import { z } from 'zod'
import { vitSizes } from '../../models/vit/widths.ts'
import { autoencoderFields } from '../autoencoder-recipe.ts'
import type { AblationVariant, RecipeProblem } from '../definition.ts'
import { vitFields, wholePatches, widthField } from '../recipe.ts'
import { lengthProblems, trainFields, withDefault, withPrefault } from '../train-recipe.ts'
import { RATE_FACTORS } from './groups.ts'

const { imageSize, patchSize } = vitFields

const way = (meaning: string) =>
  z.enum(['published-code', 'paper']).default('published-code').describe(meaning)

/** `model` section (SemFormer, section 3.3; core/models/transformer_segmentor.py). */
export const semformerModelRecipe = z
  .strictObject({
    width: widthField,
    imageSize: withDefault(imageSize, 448),
    patchSize,
    classDim: z
      .int()
      .min(1)
      .default(256)
      .describe('channels of a class embedding, here and in the autoencoder'),
    tokenDropout: z
      .number()
      .min(0)
      .lt(1)
      .default(0.5)
      .describe('probability that a patch token does not reach the classifier in training'),
    embedding: way('class embeddings of the class tokens: after a ReLU (published-code), or linear (paper)'),
  })
  .superRefine(wholePatches)

const factor = z.number().min(0)

const rateFactors = z
  .tuple([factor, factor, factor, factor])
  .default([...RATE_FACTORS])
  .describe(
    'factors on the learning rate: of the weights of the DeiT, of its biases, positions and tokens, of all other weights, of all other biases and tokens',
  )

const zeroSimilarity = z
  .enum(['corrected', 'published-code'])
  .default('corrected')
  .describe(
    'a similarity of exactly 0 to a class of the image: no gradient (corrected), or one of 10^12, as published',
  )

const weight = (value: number, text: string) => z.number().min(0).default(value).describe(text)

const losses = z.strictObject({
  similarity: weight(1, 'weight of the entropy of the similarities of class embeddings to class semantics'),
  foreground: weight(1, 'weight of the class-foreground loss'),
  background: weight(1, 'weight of the class-background loss'),
  suppression: weight(0.075, 'weight of the activation suppression loss; sigma in the paper'),
  complement: weight(1, 'weight of the activation complement loss'),
  equations: way(
    'paper: foreground and background losses are sums of an image over its classes, not halved; the background map is suppressed like the others; maps complete those of all classes. published-code: means over all pairs of the batch, halved; the background map is encouraged; maps complete those of the classes of the image',
  ),
  zeroSimilarity,
})

/** `autoencoder` section (SemFormer, section 3.2; core/models/caae.py). */
export const autoencoderRecipe = z
  .strictObject({
    width: withDefault(widthField, 'deit-b'),
    distilled: z
      .boolean()
      .default(true)
      .describe(
        'keep the second token and classifier of a distilled DeiT in its weights, as published; neither is used',
      ),
    imageSize: withDefault(imageSize, 224),
    patchSize,
    reduction: z
      .enum(['sum', 'mean', 'max'])
      .default('sum')
      .describe(
        'how the tokens of all patches become a class embedding; sum and mean have the same similarities',
      ),
    decoder: z
      .strictObject({
        width: z.int().min(1).default(768).describe('channels of a token'),
        depth: z
          .int()
          .min(1)
          .default(8)
          .describe('number of transformer blocks, each with the heads of the encoder'),
      })
      .prefault({})
      .describe('from class embeddings of each patch to its pixels'),
    absent: way(
      'class semantics of classes that an image lacks: stay where they are (published-code), or are pushed away from it (paper)',
    ),
    losses: z
      .strictObject({
        similarity: weight(1, 'weight of the semantic similarity loss'),
        reconstruction: weight(1, 'weight of the reconstruction loss; 0: the decoder does not run'),
        zeroSimilarity,
      })
      .prefault({})
      .describe('weights of its losses'),
    rateFactors,
    ...autoencoderFields,
  })
  .superRefine(wholePatches)

const { epochs, batchSize, optimiser, schedule, augment } = trainFields

/** Fields of the section `train`: its own, and shared ones with the published defaults for VOC. */
export const semformerTrainFields = {
  epochs: withDefault(epochs, 20),
  batchSize: withDefault(batchSize, 8),
  optimiser: withPrefault(optimiser, {
    kind: 'sgd',
    lr: 0.005,
    lrBatch: null,
    nesterov: true,
    weightDecay: 5e-4,
    momentumBug: true,
  }),
  schedule: withPrefault(schedule, { kind: 'poly', power: 0.9 }),
  augment: withPrefault(augment, {
    kind: 'padded-crop',
    longSide: [224, 896],
    filter: 'bicubic',
    jitter: {},
    padding: 'mean',
  }),
  losses: losses.prefault({}).describe('weights of the losses, and their form'),
  rateFactors,
  pairsAtOnce: z
    .int()
    .min(1)
    .default(8)
    .describe(
      'pairs of an image and one of its classes that pass the frozen autoencoder at a time, two images each: more need more memory and change no result but its rounding',
    ),
}

/** The part of the `maps` section that belongs to the method. */
export const semformerMapsFields = {
  scales: z
    .array(z.number().gt(0).max(8))
    .min(1)
    .default([0.5, 1, 1.5, 2])
    .describe('scales of the input, relative to the size of the image, up to whole patches; CAMs are merged'),
  cra: z
    .union([z.boolean(), z.literal('alone')])
    .default(true)
    .describe(
      'times the class-relative attention: that of the class tokens to the patches; alone: the attention without the responses',
    ),
  craLayers: z.int().min(1).default(4).describe('number of last layers whose attention is summed for it'),
  activation: way('of the classifier: ReLU (published-code), or the sigmoid that it is trained with (paper)'),
  merge: z.enum(['sum', 'mean', 'max']).default('sum').describe('of the CAMs of all scales and flips'),
}

type ModelRecipe = z.output<typeof semformerModelRecipe>
type AutoencoderRecipe = z.output<typeof autoencoderRecipe>

/** What does not fit together, as path and message (problem; what would be right). */
export function checkSemformer({
  model,
  maps,
  autoencoder,
}: {
  model: ModelRecipe
  maps: { readonly craLayers: number }
  autoencoder: AutoencoderRecipe
}): RecipeProblem[] {
  const problems: RecipeProblem[] = []
  const problem = (path: string[], message: string): void => {
    problems.push({ path, message })
  }
  const { depth } = vitSizes(model.width)
  if (maps.craLayers > depth)
    problem(['maps', 'craLayers'], `is more than the network's ${depth} blocks; expected at most ${depth}`)
  const { heads } = vitSizes(autoencoder.width)
  if (autoencoder.decoder.width % heads !== 0)
    problem(
      ['autoencoder', 'decoder', 'width'],
      `is not a multiple of the encoder's ${heads} heads; expected one, such as ${heads * Math.ceil(autoencoder.decoder.width / heads)}`,
    )
  problems.push(...lengthProblems(autoencoder, 'autoencoder'))
  if (autoencoder.checkpoint === 'best' && autoencoder.validateEvery === 0)
    problem(
      ['autoencoder', 'checkpoint'],
      'needs a validation; expected autoencoder.validateEvery of at least 1, or last',
    )
  return problems
}

/** What `tagmask ablate` compares: the losses that the autoencoder gives, and the class-relative attention. */
export const SEMFORMER_VARIANTS: AblationVariant[] = [
  { name: 'semformer', set: [] },
  { name: 'no-cra', set: ['maps.cra=false'] },
  { name: 'no-background', set: ['train.losses.background=0'] },
  { name: 'no-foreground', set: ['train.losses.foreground=0'] },
  { name: 'no-suppression', set: ['train.losses.suppression=0'] },
  { name: 'no-complement', set: ['train.losses.complement=0'] },
]

export type SemformerModelRecipe = ModelRecipe
export type SemformerAutoencoderRecipe = AutoencoderRecipe
export type SemformerLossRecipe = z.output<typeof losses>
