/** @file The recipe: one strict tree with defaults, units and types. Everything else (docs/recipes.md, --set, error messages) is read from it. */
import { z } from 'zod'
import { USUAL_MEMORY } from '../../io/available-memory.ts'
import type { Definition } from '../../methods/definition.ts'
import { METHODS } from '../../methods/list.ts'
import { methodOf } from './method.ts'
import { normalisation } from './normalisation.ts'
import { precision } from './precision.ts'
import { predictRecipe } from './predict.ts'
import { affinityRecipe, checkAffinity, refineRecipe, walks } from './refine.ts'
import { checkSegment, segmentRecipe } from './segment.ts'
import { trainFields } from './training.ts'

const data = z.strictObject({
  root: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('folder of the data set; usually given by --data'),
  layout: z
    .enum(['auto', 'voc', 'coco', 'folder', 'class-folders', 'demo'])
    .default('auto')
    .describe(
      'voc: VOC 2012 folders; coco: annotations/instances_SPLIT.json and its images; folder: images/ with tags.csv; class-folders: a folder of images for each class (cat/1.jpg, dog/1.jpg); demo: generated images, made when absent; auto: looks',
    ),
  split: z
    .string()
    .min(1)
    .default('train')
    .describe(
      'images to train on and to make maps for; train_aug of a recipe means train where there is no such list, and train means all where there are no lists',
    ),
  valSplit: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'images to validate on; null, or val of a recipe where there is no such list: those that holdOut sets aside, or no validation',
    ),
  holdOut: z
    .number()
    .min(0)
    .max(0.9)
    .default(0)
    .describe(
      'share of the images of data.split that is set aside to validate on where valSplit names none that are there; which they are is drawn from their names and seed',
    ),
  workers: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'threads that decode images ahead; null: 1, which keeps up with training on a CPU; with a GPU, 4 and more pay off',
    ),
  maxLost: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe(
      'largest share of the images that a stage may lose because they cannot be read or do not fit into memory; beyond it the stage is not done',
    ),
  cacheMegabytes: z.number().min(0).default(1024).describe('memory for decoded images, MB'),
  demo: z
    .strictObject({
      images: z.int().min(1).default(1000).describe('images to train on'),
      valImages: z.int().min(1).default(100).describe('further images to validate on'),
      size: z.int().min(32).max(1024).default(96).describe('side of a generated image, pixels'),
      seed: z.int().min(0).default(7).describe('seed of the generator'),
    })
    .prefault({})
    .describe('the generated data set; read when layout is demo'),
})

/** Fields of the `maps` section that every method has; its own stand before `storage`. */
const mapsFields = {
  checkpoint: z
    .enum(['last', 'best'])
    .default('last')
    .describe('weights to use: the last, as most published scripts do, or the best by train.select'),
  weights: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'file with trained weights of the whole network, as the authors publish them: then nothing is trained; null: those of the stage train',
    ),
  scales: z
    .array(z.number().gt(0).max(8))
    .min(1)
    .default([1])
    .describe('sizes at which each image is looked at, relative to its own; maps are summed'),
  flip: z.boolean().default(true).describe('also look at the flipped image at each scale'),
  longestSide: z
    .int()
    .min(32)
    .default(1024)
    .describe(
      'larger images are mapped, walked and refined by the dense CRF as if reduced to this many pixels; maps and masks have their own size all the same',
    ),
  storage: z.enum(['float16', 'float32']).default('float16').describe('number format of the maps on disk'),
}

const sweep = z
  .strictObject({
    start: z.number().min(0).max(1).default(0).describe('first background threshold'),
    stop: z.number().min(0).max(1).default(1).describe('last background threshold, included'),
    step: z.number().gt(0).max(1).default(0.01).describe('distance between two thresholds'),
  })
  .refine(({ start, stop }) => start <= stop, {
    path: ['stop'],
    message: 'is below start; expected start <= stop',
  })

const evaluate = z.strictObject({
  split: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('images of which the maps are scored; null: data.split'),
  threshold: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .default(null)
    .describe(
      'background threshold of masks and scores; null: the best of the sweep, or 0.4 where there are no masks to choose by',
    ),
  sweep: sweep.prefault({}).describe('background thresholds that are tried'),
  absent: z
    .enum(['zero', 'skip'])
    .default('zero')
    .describe(
      'a class with no pixel in truth or prediction: counts as IoU 0, as published, or is left out of the mean',
    ),
})

/** Sections of every recipe, before and after those that a method has fields in. */
const inputs = {
  weights: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('file with weights to start from (.safetensors, .pth); null: random weights'),
  data: data.prefault({}).describe('images and tags'),
  normalise: normalisation.prefault({}).describe('normalisation of pixels; the default is that of ImageNet'),
}
const later = {
  evaluate: evaluate.prefault({}).describe('scoring CAMs against masks, where there are masks'),
  refine: refineRecipe.prefault({}).describe('from CAMs to pseudo masks'),
  affinity: affinityRecipe
    .prefault({})
    .describe('the network that learns which places belong together, for refine.method affinity'),
  segment: segmentRecipe
    .default(null)
    .describe('a segmentation network trained from the pseudo masks; null: neither that nor predictions'),
  predict: predictRecipe.prefault({}).describe('predictions of the segmentation network'),
  report: z
    .strictObject({ images: z.int().min(0).default(12).describe('example images shown') })
    .prefault({})
    .describe('report.html'),
  seed: z.int().min(0).default(0).describe('fixes weights, order, augmentation and drop-path'),
  precision,
  device: z
    .string()
    .regex(/^(cpu|cuda(:\d+)?)$/, 'expected cpu, cuda or cuda:N')
    .default('cpu')
    .describe('cpu, cuda or cuda:N'),
  threads: z.int().min(1).nullable().default(null).describe('compute threads; null: chosen from the cores'),
  memory: z
    .int()
    .min(64)
    .default(USUAL_MEMORY)
    .describe(
      'most memory that work on images may take beside the network, MB: maps, walk, dense CRF and predictions of an image that needs more are made at a smaller size, and it is named; fewer are worked on at once. Less is taken where the machine, or TAGMASK_MEMORY (MB), has less',
    ),
  strict: z
    .boolean()
    .default(false)
    .describe('end the run at the first bad image instead of naming and skipping it'),
}

type Methods = typeof METHODS

/** The recipe of one method. Strict at every level: an unknown key is an error, not a silent default. */
type RecipeOf<D> =
  D extends Definition<infer Name, infer Model, infer Train, infer Maps>
    ? z.ZodObject<
        {
          method: z.ZodLiteral<Name>
          model: Model
          train: z.ZodObject<typeof trainFields & Train, z.core.$strict>
          maps: z.ZodObject<typeof mapsFields & Maps, z.core.$strict>
        } & typeof inputs &
          typeof later,
        z.core.$strict
      >
    : never

function recipeOf({ name, model, train, maps }: Methods[number]) {
  const { storage, ...mapsBefore } = mapsFields
  return z.strictObject({
    method: z.literal(name).describe('which method to run'),
    model,
    ...inputs,
    train: z
      .strictObject({ ...trainFields, ...train })
      .prefault({})
      .describe('the training loop'),
    maps: z
      .strictObject({ ...mapsBefore, ...maps, storage })
      .prefault({})
      .describe('making CAMs'),
    ...later,
  })
}

type RecipesOf<All extends readonly unknown[]> = { -readonly [I in keyof All]: RecipeOf<All[I]> }

const recipes = METHODS.map(recipeOf) as unknown as RecipesOf<Methods>
const union = z.discriminatedUnion('method', recipes)

/** A recipe with every default filled in. */
export type Recipe = z.output<typeof union>

/** The whole recipe: one for each method, told apart by `method`. */
export const recipeSchema = union.check(context => {
  const issue = (path: string[], message: string): void => {
    context.issues.push({ code: 'custom', path, message, input: context.value })
  }
  const { data, train, maps } = context.value
  const own = methodOf(context.value).check?.(context.value) ?? []
  const affine = walks(context.value.refine) ? checkAffinity(context.value) : []
  for (const { path, message } of [...own, ...affine, ...checkSegment(context.value)]) issue(path, message)
  if (train.epochs === null && train.steps === null)
    issue(['train', 'epochs'], 'needs train.steps; expected a number for one of the two')
  if (train.epochs === null && train.schedule.kind === 'cosine-epoch')
    issue(
      ['train', 'epochs'],
      'needs a schedule of steps; expected train.schedule.kind cosine-step or poly, or a number',
    )
  const judged =
    train.validateEvery > 0 && (data.valSplit !== null || data.holdOut > 0 || train.select === 'gt-miou')
  if (maps.checkpoint === 'best' && !judged) {
    issue(
      ['maps', 'checkpoint'],
      'needs a validation; expected data.valSplit or data.holdOut, and train.validateEvery, to be set, or last',
    )
  }
})
