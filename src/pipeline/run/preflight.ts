/** @file Checks before the first step: weight files, splits, masks, disk space. Imports no torch. */
import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Dataset, tagged } from '../../data/dataset.ts'
import { InputError } from '../../errors.ts'
import { loadSharp } from '../../io/sharp.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { readWeights } from '../../io/weights.ts'
import type { TrainedVit } from '../../models/encoder.ts'
import type { Shapes } from '../../models/recognised.ts'
import { torchvisionName } from '../../models/resnet50/weight-names.ts'
import { refuseUnfit } from '../../models/vit/folded-shapes.ts'
import { geometryOf, patchRemedy, refuseOtherSize, withGuess } from '../../models/vit/foreign-weights.ts'
import { fromHuggingFace } from '../../models/vit/hugging-face.ts'
import { vitShapes } from '../../models/vit/own-names.ts'
import { unwrapNames } from '../../models/weight-names.ts'
import type { Log } from '../../train/log.ts'
import { mapInParallel } from '../images/in-parallel.ts'
import { backboneShape } from '../recipe/backbone.ts'
import { methodOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import { identify, weightFacts } from '../weights/identify.ts'
import { warnOfNormalisation } from '../weights/normalisation.ts'
import { openScoredSplit } from './open-data.ts'
import { fromHere, type RunFolder } from './run-folder.ts'
import type { StageName } from './stage.ts'
import { readMarker } from './stage-marker.ts'
import { weightFiles } from './weight-files.ts'

export interface PreflightOptions {
  readonly recipe: Recipe
  readonly dataset: Dataset
  readonly run: RunFolder
  /** The requested stages. */
  readonly stages: readonly StageName[]
  /** Read every file of weights now, also one that its stage would read at once. */
  readonly readAll?: boolean
  /** Whether a key was written by somebody; default: all were. */
  readonly isChosen?: (key: string) => boolean
  readonly log: Log
}

/** Throws InputError for the first problem that would end a later stage; warns of possible ones. Changes nothing. */
export async function preflight(options: PreflightOptions): Promise<void> {
  loadSharp()
  const weights = await weightFiles(options.recipe)
  await checkScoredSplit(options)
  await checkWeights(options, weights)
  await checkRoom(options)
}

/** The scored masks must be of images that get CAMs. */
async function checkScoredSplit({ recipe, dataset, stages, log }: PreflightOptions): Promise<void> {
  const { split, samples } = await openScoredSplit({ recipe, dataset })
  const masked = samples.filter(({ mask }) => mask !== undefined)
  const mapped = new Set(tagged(dataset).map(({ id }) => id))
  if (masked.length > 0 && stages.includes('evaluate') && masked.every(({ id }) => !mapped.has(id))) {
    throw new InputError(
      'evaluate.split',
      `is ${split}: none of its ${masked.length} images with a mask gets a CAM`,
      {
        expected: `CAMs are made for the tagged images of data.split, ${dataset.split}`,
      },
    )
  }
  const sweeps = recipe.refine.method !== 'none' && recipe.refine.background === 'sweep'
  if (masked.length === 0 && sweeps && stages.includes('refine'))
    log.info(
      `refine.background is sweep, and no image of ${split} has a mask to choose it by: it is chosen without masks`,
    )
}

/** A name that each has once. */
const RESNET_ANCHORS = { ResNet38: 'conv1a.weight', ResNet50: 'layer1.0.conv1.weight' } as const

/** Weight files are read whole, which finds truncated ones; names and sizes must be those of the stage's backbone. */
async function checkWeights(
  { recipe, run, stages, readAll = false, isChosen = () => true, log }: PreflightOptions,
  weights: Awaited<ReturnType<typeof weightFiles>>,
): Promise<void> {
  for (const { file, key, stage, backbone: backboneOf, ofAnother } of weights) {
    if (!stages.includes(stage) || ofAnother) continue
    const marker = await readMarker(run, stage)
    if (marker?.state === 'done') continue
    const { checkFile } = methodOf(recipe)
    if (backboneOf === undefined) checkFile?.(recipe, { file, ...(await weightFacts(file)), isChosen })
    const backbone = backboneOf?.(recipe) ?? 'model'
    const vit = backboneShape(backbone, recipe)
    if (!readAll && stages[0] === stage) {
      // it reads the file at once; what the header tells is said before there is a folder
      if (vit !== undefined) checkShapes((await weightFacts(file)).weights, { file, vit })
      continue
    }
    if (vit === undefined && backbone === 'model') {
      if (readAll) await readWeights(file)
      continue // its method says what fits when it loads them
    }
    const weights = await readWeights(file)
    const segments = key === 'segment.weights' ? recipe.segment?.normalise : undefined
    const used = {
      used: segments ?? recipe.normalise,
      key: segments == null ? 'normalise' : 'segment.normalise',
    }
    await warnOfNormalisation(file, weights, { ...used, log })
    checkBackbone(weights, {
      file,
      key,
      vit,
      resnet: backbone === 'resnet50' ? 'ResNet50' : 'ResNet38',
    })
  }
}

function checkBackbone(
  given: ReadonlyMap<string, TensorData>,
  {
    file,
    key,
    vit,
    resnet,
  }: {
    file: string
    key: string
    /** Undefined: the ResNet. */
    vit: TrainedVit | undefined
    resnet: keyof typeof RESNET_ANCHORS
  },
): void {
  const anchor = vit === undefined ? RESNET_ANCHORS[resnet] : 'patch_embed.proj.weight'
  const weights = vit === undefined ? given : fromHuggingFace(given)
  const names = [...weights.keys()].map(name => (vit === undefined ? (torchvisionName(name) ?? name) : name))
  if (vit !== undefined && names.some(name => name.endsWith('embedding/kernel'))) return // augreg has other names
  if (!names.some(name => name === anchor || name.endsWith(`.${anchor}`)))
    throw new InputError(
      file,
      `holds no weights of ${vit === undefined ? `a ${resnet}` : 'a vision transformer'}`,
      {
        field: key,
        expected: withGuess(`a file with ${anchor}, or another ${key.replace('weights', 'backbone')}`, names),
      },
    )
  if (vit === undefined) return
  const { depth, embedDim } = vit
  const found = geometryOf(unwrapNames(weights, { anchor, file }).weights)
  if (found.width === undefined)
    throw new InputError(file, 'holds no class token, as a vision transformer has it', {
      field: key,
      expected: withGuess('weights of a vision transformer, with cls_token, pos_embed and blocks.*', names),
    })
  refuseOtherSize(
    found,
    { depth, width: embedDim },
    {
      file,
      field: key,
      remedy: name =>
        `the backbone has ${depth} blocks of width ${embedDim}${name === undefined ? '' : `; the file holds a ${name}`}`,
    },
  )
  checkShapes(given, { file, vit })
}

/** Of a vision transformer at DeiT's or Hugging Face's names; other files are left to the stage. */
function checkShapes(given: Shapes, { file, vit }: { file: string; vit: TrainedVit }): void {
  const { weights } = unwrapNames(fromHuggingFace(given), { anchor: 'patch_embed.proj.weight', file })
  const { embedDim: width, depth, mlpRatio, patchSize: patch } = vit
  const found = geometryOf(weights)
  if (found.width !== width || found.depth !== depth) return // said with the key that names the size
  const own = vitShapes({ depth, width, hidden: width * mlpRatio, patch })
  const backbone = identify(given)?.method === undefined
  refuseUnfit(weights, own, { file, backbone, expected: patchRemedy(weights, patch) })
}

const MAPS_PER_BYTE = 12 // bytes of CAMs for each of a JPEG: some 5 pixels, of 1.2 tags, in half precision
const SPARE = 500e6 // bytes for weights and their states

/** An estimate: CAMs take far more space than the photos. */
async function checkRoom({ dataset, run, stages, log }: PreflightOptions): Promise<void> {
  const free = await freeBytes(run.root)
  if (free === undefined) return
  const sizes = await mapInParallel(dataset.samples, ({ image }) =>
    stat(image).then(
      ({ size }) => size,
      () => 0,
    ),
  )
  const copies = ['maps', 'affinity', 'refine'].filter(stage => stages.includes(stage)).length
  const done = (await readMarker(run, 'maps'))?.state === 'done'
  const needed = SPARE + (done ? 0 : copies * MAPS_PER_BYTE * sizes.reduce((sum, size) => sum + size, 0))
  if (free >= needed) return
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
  log.warn(
    `about ${gigabytes(needed)} may be needed for ${fromHere(run.root)}, and ${gigabytes(free)} are free there`,
  )
}

/** On the disk of a folder or of its nearest existing parent; undefined where unknown. */
export async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch {
    const above = dirname(path)
    return above === path ? undefined : freeBytes(above)
  }
}
