/** @file What a recipe says about AFA: the network, its losses and the labels they learn from, its CAMs. Loads no libtorch. */
import { z } from 'zod'
import { type Encoder, vitEncoder } from '../../models/encoder.ts'
import { type MitOptions, mit, type Stages } from '../../models/mit/sizes.ts'
import { deit, type VitWidth } from '../../models/vit/widths.ts'
import { PAR } from '../../refine/par/parameters.ts'
import type { AblationVariant, RecipeProblem } from '../definition.ts'
import { customWidth, vitFields } from '../recipe.ts'
import { trainFields, withDefault, withPrefault } from '../train-recipe.ts'

const NAMES = [...Object.keys(mit), ...Object.keys(deit)] as (keyof typeof mit | keyof typeof deit)[]

const four = z.tuple([z.int().min(1), z.int().min(1), z.int().min(1), z.int().min(1)])

const customMit = z
  .strictObject({
    embedDims: four.describe('channels of each stage'),
    depths: four.describe('blocks of each stage'),
    strides: z
      .tuple([z.int().min(1), z.int().min(1), z.int().min(1)])
      .default([4, 2, 2])
      .describe('of the first three stages; the last one keeps its size'),
    heads: four
      .default([1, 2, 5, 8])
      .describe('attention heads of each stage; each must divide its channels'),
  })
  .refine(({ embedDims, heads }) => embedDims.every((channels, stage) => channels % heads[stage]! === 0), {
    path: ['heads'],
    message: 'do not divide embedDims; expected heads such that each stage has whole channels a head',
  })

/** `model` section (AFA, section 3.1; wetr/model_attn_aff.py). */
export const afaModelRecipe = z.strictObject({
  backbone: z
    .union([z.enum(NAMES), customMit, customWidth])
    .default('mit-b1')
    .describe(
      "SegFormer's encoder, as published, whose last stage keeps its size; a DeiT, read after each quarter of its blocks; or sizes of one's own: {embedDims, depths, strides, heads} of a mix transformer, {embedDim, depth, heads} of a vision transformer",
    ),
  imageSize: withDefault(vitFields.imageSize, 512),
  patchSize: z
    .int()
    .min(1)
    .default(16)
    .describe(
      'side of a patch of a vision transformer, pixels; a mix transformer of a published size has a place for each 16 pixels',
    ),
  dropPath: vitFields.dropPath,
  headDim: z
    .int()
    .min(1)
    .default(256)
    .describe('channels that the segmentation head reduces each map of the encoder to'),
  pooling: z
    .enum(['max', 'mean'])
    .default('max')
    .describe('how the last map becomes class logits: its largest response, or its mean'),
})

const losses = z.strictObject({
  segmentation: z.number().min(0).default(0.1).describe('weight of the segmentation loss'),
  affinity: z.number().min(0).default(0.1).describe('weight of the affinity loss'),
  energy: z
    .number()
    .min(0)
    .default(0)
    .describe(
      'weight of the dense energy loss; the paper: 0.01, the published code at its last commit: none',
    ),
  start: z
    .int()
    .min(0)
    .default(2000)
    .describe('step after which they count; before, the classifier alone learns; published for COCO: 5000'),
  emptyHalf: z
    .enum(['corrected', 'published-code'])
    .default('corrected')
    .describe(
      'segmentation loss of a batch without labelled background, or without foreground: the other half alone, or not a number, as published',
    ),
})

const labels = z.strictObject({
  scales: z
    .array(z.number().gt(0).max(8))
    .min(1)
    .default([1, 0.5, 1.5])
    .describe('sizes of the crop at which its CAMs are made; 1 is always among them'),
  flip: z
    .boolean()
    .default(true)
    .describe('CAMs of the flipped crop too, the larger one counts; as published'),
  low: z.number().min(0).max(1).default(0.35).describe('background score below which nothing is foreground'),
  high: z.number().min(0).max(1).default(0.55).describe('background score that foreground must be above'),
  spreadStart: z
    .int()
    .min(0)
    .default(6000)
    .describe(
      'step after which the segmentation learns from CAMs spread along the learned affinity; published for COCO: 15000',
    ),
  spreadAffinity: z
    .boolean()
    .default(false)
    .describe(
      'the affinity learns from those too, as published for COCO; else always from the CAMs themselves',
    ),
  radius: z
    .int()
    .min(1)
    .default(8)
    .describe('pairs of places at most so far apart, in rows and columns, have an affinity'),
  iterations: z
    .int()
    .min(0)
    .default(PAR.iterations)
    .describe('iterations of pixel-adaptive refinement (PAR); 0: none; published for COCO: 15'),
})

const { epochs, steps, batchSize, optimiser, schedule, augment, validateEvery } = trainFields

/** Fields of the section `train`: its own, and shared ones with the published defaults for VOC. */
export const afaTrainFields = {
  epochs: withDefault(epochs, null),
  steps: withDefault(steps, 20_000),
  batchSize: withDefault(batchSize, 4),
  optimiser: withPrefault(optimiser, { lr: 6e-5, lrBatch: null, weightDecay: 0.01 }),
  schedule: withPrefault(schedule, { kind: 'poly', power: 1, warmupSteps: 1500 }),
  augment: withPrefault(augment, { kind: 'padded-crop' }),
  validateEvery: withDefault(validateEvery, 2000),
  headFactor: z
    .number()
    .gt(0)
    .default(10)
    .describe("learning rate of the heads, as a multiple of the encoder's"),
  norms: z
    .enum(['frozen', 'trained'])
    .default('frozen')
    .describe(
      'norms of the encoder: as they were pretrained, as published, or trained like the rest; without pretrained weights they must be',
    ),
  syncBatchNorm: z
    .boolean()
    .default(false)
    .describe(
      'training in several processes: the batch norm of the segmentation head sees the batches of all of them, not of its own alone',
    ),
  losses: losses
    .prefault({})
    .describe('weights of the losses beside the classification loss, and when they count'),
  labels: labels.prefault({}).describe('the labels that each step makes from its own CAMs'),
}

/** The part of the `maps` section that belongs to the method. */
export const afaMapsFields = {
  scales: z
    .array(z.number().gt(0).max(8))
    .min(1)
    .default([1, 0.5, 1.5])
    .describe(
      'scales of the input, relative to the size of the image; CAMs are summed; 1 is always among them',
    ),
  spread: z
    .boolean()
    .default(false)
    .describe('spread the CAMs along the learned affinity, by one step of a random walk'),
}

/** Sizes of the mix transformer that a recipe names; undefined for a vision transformer. */
export function mitOptions({ backbone, dropPath }: AfaModelRecipe): MitOptions | undefined {
  if (typeof backbone === 'string')
    return backbone in mit ? { ...mit[backbone as keyof typeof mit], dropPath } : undefined
  if (!('embedDims' in backbone)) return undefined
  return { ...mit['mit-b1'], ...backbone, strides: [...backbone.strides, 1], dropPath }
}

/** Pixels from one place of each stage's map to the next: AFA's last stage does not reduce. */
export function mitStrides({ strides: [first, second, third] }: MitOptions): Stages<number> {
  return [first, first * second, first * second * third, first * second * third]
}

export function afaEncoderShape(model: AfaModelRecipe): Encoder {
  const { backbone, imageSize, dropPath } = model
  const [sizes, key] = [mitOptions(model), 'model.backbone']
  if (sizes === undefined)
    return vitEncoder({ ...model, width: backbone as VitWidth }, { tokenPerClass: false, key })
  const name = typeof backbone === 'string' ? backbone : undefined
  const size =
    name ?? `a mix transformer of ${sizes.embedDims.join(', ')} channels, ${sizes.depths.join(', ')} blocks`
  return {
    name,
    key,
    size,
    imageSize,
    patchSize: mitStrides(sizes)[3],
    dropPath,
    vit: undefined,
    mit: sizes,
  }
}

/** What does not fit together, as path and message (problem; what would be right). */
export function checkAfa(recipe: AfaRecipe): RecipeProblem[] {
  const { model, train } = recipe
  const { patchSize } = afaEncoderShape(model)
  const problems: RecipeProblem[] = []
  const problem = (path: string, message: string): void => {
    problems.push({ path: path.split('.'), message })
  }
  const largest = Math.max(1, ...train.labels.scales)
  const unit = patchSize * wholeFactor(largest)
  if (model.imageSize % unit !== 0)
    problem(
      'model.imageSize',
      `is not a multiple of ${unit}; expected whole places of ${patchSize} pixels at scale 1${largest > 1 ? ` and at ${largest}, the largest of train.labels.scales` : ''}, such as ${unit * Math.ceil(model.imageSize / unit)}`,
    )
  if (train.labels.low > train.labels.high)
    problem('train.labels.low', 'is above train.labels.high; expected low <= high')
  if (train.epochs === null && train.steps !== null) problems.push(...checkAfaLength(recipe, train.steps))
  return problems
}

/** The least whole number that `scale` makes another whole number of; 1 where none up to 16 does. */
function wholeFactor(scale: number): number {
  for (let factor = 1; factor <= 16; factor++) if (Number.isInteger(scale * factor)) return factor
  return 1
}

/** The losses that learn masks must begin before the last step. */
export function checkAfaLength({ train: { losses } }: AfaRecipe, steps: number): RecipeProblem[] {
  if (losses.start < steps - 1) return []
  const message = `is not before the end of ${steps} steps: no mask would be learned; expected less, or train.steps above ${losses.start + 1}`
  return [{ path: ['train', 'losses', 'start'], message }]
}

/** What `tagmask ablate` compares: what the affinity and PAR are worth. */
export const AFA_VARIANTS: AblationVariant[] = [
  { name: 'afa', set: [] },
  { name: 'no-affinity', set: ['train.losses.affinity=0', 'train.labels.spreadStart=1000000000'] },
  { name: 'energy', set: ['train.losses.energy=0.01'] },
  { name: 'no-par', set: ['train.labels.iterations=0'] },
]

export type AfaModelRecipe = z.output<typeof afaModelRecipe>
export type AfaLabelRecipe = z.output<typeof labels>
export type AfaLossRecipe = z.output<typeof losses>

interface AfaRecipe {
  readonly model: AfaModelRecipe
  readonly train: {
    readonly epochs: number | null
    readonly steps: number | null
    readonly losses: AfaLossRecipe
    readonly labels: AfaLabelRecipe
  }
}
