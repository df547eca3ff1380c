/** @file What a recipe says about CTI: the network, its infusion and losses, its CAMs. Loads no libtorch. */
import { z } from 'zod'
import { vitSizes } from '../../models/vit/widths.ts'
import type { AblationVariant, RecipeProblem } from '../definition.ts'
import { attentionMapsFields, vitFields, wholePatches, widthField } from '../recipe.ts'
import { trainFields, withPrefault } from '../train-recipe.ts'

/** `model` section (CTI, section 3; networks/mctformer.py, MCTformerV2_CTI). */
export const ctiModelRecipe = z.strictObject({ width: widthField, ...vitFields }).superRefine(wholePatches)

const losses = z.strictObject({
  background: z
    .number()
    .min(0)
    .default(0.1)
    .describe('weight of the background loss: CAMs of background and classes complete each other; 0: none'),
  intra: z
    .number()
    .min(0)
    .default(1)
    .describe(
      "weight of the loss between CAMs and those after infusion of the second view's class tokens; 0: none; published for COCO: 0.1",
    ),
  cross: z
    .number()
    .min(0)
    .default(1)
    .describe('the same after infusion of tokens of other images; 0: none; published for COCO: 0.1'),
  start: z
    .int()
    .min(0)
    .default(0)
    .describe('first epoch, counted from 0, in which these losses count; published for COCO: 2'),
  detachCams: z
    .boolean()
    .default(false)
    .describe(
      'the background loss changes the CAMs of the classes by their attention alone; published for COCO: true',
    ),
})

const cross = z.strictObject({
  tokens: z
    .enum(['memory', 'images'])
    .default('memory')
    .describe(
      'tokens of other images: the mean of the last ones of the class, normalised, as in the published code (memory), or those of another image of the batch with the class, as in the paper (images)',
    ),
  length: z
    .int()
    .min(1)
    .default(30)
    .describe(
      'used with memory: tokens kept of each class; the cross loss waits until every class has so many',
    ),
})

/** Fields of the section `train`: its own, and shared ones with the published defaults. */
export const ctiTrainFields = {
  epochs: trainFields.epochs,
  schedule: withPrefault(trainFields.schedule, { kind: 'cosine-epoch', offByOne: false }),
  augment: withPrefault(trainFields.augment, { crop: { scale: [0.3, 1.2] }, erasing: false }),
  infusion: z
    .int()
    .min(0)
    .default(3)
    .describe('block, counted from 0, whose class tokens are averaged with the infused ones'),
  losses: losses
    .prefault({})
    .describe('weights of the losses beside the classification loss, and when they count'),
  cross: cross.prefault({}).describe('infusion of the tokens of other images'),
}

/** The part of the `maps` section that belongs to the method; the attention of all layers is used. */
export const ctiMapsFields = {
  ...attentionMapsFields,
  background: z
    .enum(['discarded', 'token'])
    .default('discarded')
    .describe(
      "discarded: CAMs of the classes alone, as published, for a threshold; token: each over itself and the background token's CAM, so that 0.5 is the threshold and none has to be found; refine.background is then 0.5 too, or sweep",
    ),
}

/** Settings that do not fit together, as path and message (problem; remedy). */
export function checkCti({ model, train }: CtiRecipe): RecipeProblem[] {
  const { depth } = vitSizes(model.width)
  const problems: RecipeProblem[] = []
  if (train.infusion > depth - 2) {
    const expected = depth < 2 ? 'a network of two blocks or more' : `at most ${depth - 2}`
    const message = `has no block after it: the network has ${depth}; expected ${expected}`
    problems.push({ path: ['train', 'infusion'], message })
  }
  const { epochs, losses } = train
  const used = losses.background > 0 || losses.intra > 0 || losses.cross > 0
  if (epochs !== null && used && losses.start >= epochs) {
    const message = `is not before the end of ${epochs} epochs; expected less, or weights of 0`
    problems.push({ path: ['train', 'losses', 'start'], message })
  }
  return problems
}

/** What `tagmask ablate` compares: each part added in turn, then where the tokens of other images come from. */
export function ctiVariants({ train }: Pick<CtiRecipe, 'train'>): AblationVariant[] {
  const { background, intra, cross } = train.losses
  const set = (on: { background: number; intra: number; cross: number }): string[] => [
    'maps.background=discarded', // the baseline's token means nothing
    ...Object.entries(on).map(([loss, weight]) => `train.losses.${loss}=${weight}`),
  ]
  return [
    { name: 'baseline', set: set({ background: 0, intra: 0, cross: 0 }) },
    { name: 'background', set: set({ background, intra: 0, cross: 0 }) },
    { name: 'intra', set: set({ background, intra, cross: 0 }) },
    { name: 'cti', set: [...set({ background, intra, cross }), 'train.cross.tokens=memory'] },
    { name: 'images', set: [...set({ background, intra, cross }), 'train.cross.tokens=images'] },
  ]
}

/** CAMs over the background token's, from the same training, and infusion after each block that has one after it. */
export function ctiNamedVariants({ model }: Pick<CtiRecipe, 'model'>): AblationVariant[] {
  const { depth } = vitSizes(model.width)
  const infusions = Array.from({ length: depth - 1 }, (_, block) => ({
    name: `infusion-${block}`,
    set: [`train.infusion=${block}`],
  }))
  return [{ name: 'token', set: ['maps.background=token', 'evaluate.threshold=null'] }, ...infusions]
}

export type CtiModelRecipe = z.output<typeof ctiModelRecipe>

interface CtiRecipe {
  readonly model: CtiModelRecipe
  readonly train: {
    readonly epochs: number | null
    readonly infusion: number
    readonly losses: z.output<typeof losses>
  }
}
