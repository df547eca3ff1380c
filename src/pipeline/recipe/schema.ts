/** @file The recipe: one strict tree with defaults, units and types. Everything else (docs/recipes.md, --set, error messages) is read from it. */
import { z } from 'zod'
import { USUAL_MEMORY } from '../../io/available-memory.ts'
import type { Definition, Further } from '../../methods/definition.ts'
import { METHODS } from '../../methods/list.ts'
import { lengthProblems, trainFields } from '../../methods/train-recipe.ts'
import { normalisation, optionalText } from './fields.ts'
import { methodOf } from './method.ts'
import { precision } from './precision.ts'
import { predictRecipe } from './predict.ts'
import { affinityRecipe, checkAffinity, checkBackground, refineRecipe, walks } from './refine.ts'
import { checkSegment, segmentRecipe } from './segment.ts'

const data = z.strictObject({
  root: optionalText('folder of the data set; usually given by --data'),
  layout: z
    .enum(['auto', 'voc', 'coco', 'folder', 'class-folders', 'demo'])
    .default('auto')
    .describe(
      'voc: VOC 2012 folders; coco: annotations/instances_SPLIT.json and its images; folder: images/ with tags.csv; class-folders: a folder of images for each class (cat/1.jpg, dog/1.jpg); demo: generated images, made when absent; auto: found from the folder',
    ),
  tags: z
    .string()
    .min(1)
    .default('auto')
    .describe(
      'where the tags come from: auto, what the folder has (docs/data.md); masks: the classes that the masks show; annotations: boxes and regions; keywords: those that photo programs write into photos (XMP, IPTC); else the path of a file of tags, in the folder or from here',
    ),
  crowds: z
    .enum(['ignore', 'class', 'leave-out'])
    .default('ignore')
    .describe(
      'regions of crowds (iscrowd) in masks that are drawn from a COCO JSON: ignore: 255, not scored; class: as any other; leave-out: background. They tag their image anyway',
    ),
  split: z
    .string()
    .min(1)
    .default('train')
    .describe(
      'images to train on and make CAMs for; without a list train_aug a recipe uses train, and without lists train means all images',
    ),
  valSplit: optionalText(
    'images to validate on; null, or val of a recipe without such a list: those of holdOut, or no validation',
  ),
  holdOut: z
    .number()
    .min(0)
    .max(0.9)
    .default(0)
    .describe(
      'share of data.split held out for validation where valSplit finds no images; drawn from their names and seed',
    ),
  workers: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'threads that decode images; null: 1, and twice as many as long as computing waits for images and is the faster for it',
    ),
  maxLost: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe(
      'largest share of images that a stage may skip because they are unreadable or too large for memory; above it the stage fails',
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
    .describe('the generated data set, for layout demo'),
})

/** Fields of the `maps` section that every method has; its own come before `storage`. */
export const mapsFields = {
  checkpoint: z
    .enum(['last', 'best'])
    .default('last')
    .describe('weights to use: last, as in most published scripts, or best by train.select'),
  weights: optionalText(
    'file with trained weights of the whole network, as the authors publish them; nothing is trained then; null: those of the stage train',
  ),
  scales: z
    .array(z.number().gt(0).max(8))
    .min(1)
    .default([1])
    .describe('scales of the input, relative to the size of the image; CAMs are summed'),
  flip: z.boolean().default(true).describe('also use the flipped image at each scale'),
  longestSide: z
    .int()
    .min(32)
    .default(1024)
    .describe(
      'CAMs, random walk and dense CRF of larger images are computed at this size, pixels; CAMs and masks keep the size of the image',
    ),
  storage: z.enum(['float16', 'float32']).default('float16').describe('number format of the CAMs on disk'),
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
  split: optionalText('images whose CAMs are scored; null: data.split'),
  threshold: z
    .union([z.number().min(0).max(1), z.literal('cams')])
    .nullable()
    .default(null)
    .describe(
      'background threshold; cams: chosen from the CAMs alone, without masks; null: the one that the CAMs are made for, if any; else the best of the sweep, which uses the masks and is an upper bound, or cams where there are none',
    ),
  sweep: sweep.prefault({}).describe('background thresholds to try'),
  erosion: z
    .int()
    .min(3)
    .refine(side => side % 2 === 1, 'is even; expected an odd number, such as 7')
    .nullable()
    .default(null)
    .describe(
      'side of the square, pixels, by which regions are eroded before they are scored as seed; published for SemFormer: 7; the masks themselves stay as they are; null: not at all',
    ),
  absent: z
    .enum(['zero', 'skip'])
    .default('zero')
    .describe(
      'a class with no pixel in ground truth or prediction: IoU 0 (zero), as published, or left out of the mean (skip)',
    ),
})

/** Sections of every recipe, before and after those that a method has fields in. */
const inputs = {
  weights: optionalText('file with weights to start from (.safetensors, .pth); null: random weights'),
  data: data.prefault({}).describe('images and tags'),
  normalise: normalisation.prefault({}).describe('normalisation of pixels; the default is that of ImageNet'),
}
const later = {
  evaluate: evaluate.prefault({}).describe('scores of the CAMs, where there are masks'),
  refine: refineRecipe.prefault({}).describe('from CAMs to pseudo masks'),
  affinity: affinityRecipe
    .prefault({})
    .describe('the network whose affinities refine.method affinity walks along'),
  segment: segmentRecipe
    .default(null)
    .describe('the segmentation network trained on the pseudo masks; null: none, and no predictions'),
  predict: predictRecipe.prefault({}).describe('predictions of the segmentation network'),
  result: z
    .strictObject({
      overlays: z
        .int()
        .min(0)
        .default(2000)
        .describe('masks are also laid over their images, as JPEG, where there are at most so many images'),
    })
    .prefault({})
    .describe('result/: the final masks'),
  report: z
    .strictObject({
      images: z
        .int()
        .min(0)
        .default(12)
        .describe('examples that the report shows stage by stage; it shows all images anyway'),
      tensorboard: z
        .boolean()
        .default(false)
        .describe(
          'also write what trainings note into tensorboard/TRAINING/ of the run, for tensorboard --logdir: every number of metrics.jsonl at its step, and after each validation, or epoch without one, the CAMs of up to 12 fixed images (at most report.images), each as a PNG for each tag (the longest side 256 pixels, about 140 kB). They cost what the CAMs of 12 images cost at scale 1, and change nothing of the training; a training that is done before is not shown',
        ),
      live: z
        .boolean()
        .default(false)
        .describe(
          'also keep the CAMs of the same images, as small files, after validations or epochs, as often as a tenth of the time allows, for tagmask report RUN --watch; tagmask run --report sets it',
        ),
    })
    .prefault({})
    .describe('report.html, and TensorBoard'),
  keep: z
    .enum(['needed', 'all'])
    .default('needed')
    .describe(
      'files of a finished stage: needed removes what no stage needs any more, the states of optimisers and the weights of rounds before the last',
    ),
  seed: z.int().min(0).default(0).describe('seed of weights, order, augmentation and drop-path'),
  precision,
  device: z
    .string()
    .regex(/^(cpu|cuda(:\d+)?)$/, 'expected cpu, cuda or cuda:N')
    .default('cpu')
    .describe('cpu, cuda or cuda:N'),
  threads: z.int().min(1).nullable().default(null).describe('compute threads; null: by the number of cores'),
  memory: z
    .int()
    .min(64)
    .default(USUAL_MEMORY)
    .describe(
      'largest memory for CAMs, random walk, dense CRF and predictions without the network, MB; an image that needs more is named and worked on at a smaller size. Less where the machine, or TAGMASK_MEMORY (MB), has less',
    ),
  strict: z
    .boolean()
    .default(false)
    .describe('fail at the first bad image instead of naming and skipping it'),
}

type Methods = typeof METHODS

/** The sections that a method has and others do not. */
type Sections<More extends Further> = { [Name in keyof More]-?: Exclude<More[Name], undefined> }

/** The recipe of one method. Strict at every level: an unknown key is an error, not a silent default. */
type RecipeOf<D> =
  D extends Definition<infer Name, infer Model, infer Train, infer Maps, infer More>
    ? z.ZodObject<
        {
          method: z.ZodLiteral<Name>
          model: Model
          train: z.ZodObject<typeof trainFields & Train, z.core.$strict>
          maps: z.ZodObject<typeof mapsFields & Maps, z.core.$strict>
        } & Sections<More> &
          typeof inputs &
          typeof later,
        z.core.$strict
      >
    : never

function recipeOf({ name, model, train, maps, further = {} }: Methods[number]) {
  const { storage, ...mapsBefore } = mapsFields
  return z.strictObject({
    method: z.literal(name).describe('which method to run'),
    model,
    ...inputs,
    ...further,
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

/** The whole recipe: one for each method, discriminated by `method`. */
export const recipeSchema = union.check(context => {
  const issue = (path: string[], message: string): void => {
    context.issues.push({ code: 'custom', path, message, input: context.value })
  }
  const { data, train, maps } = context.value
  const own = methodOf(context.value).check?.(context.value) ?? []
  const affine = walks(context.value.refine) ? checkAffinity(context.value) : []
  const refined = checkBackground(context.value, methodOf(context.value).threshold?.(context.value))
  const length = lengthProblems(train, 'train')
  for (const { path, message } of [...own, ...affine, ...refined, ...checkSegment(context.value), ...length])
    issue(path, message)
  const judged =
    train.validateEvery > 0 && (data.valSplit !== null || data.holdOut > 0 || train.select === 'gt-miou')
  if (maps.checkpoint === 'best' && !judged) {
    issue(
      ['maps', 'checkpoint'],
      'needs a validation; expected data.valSplit or data.holdOut, and train.validateEvery, to be set, or last',
    )
  }
})
