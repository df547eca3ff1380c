/** @file The segmentation network of a recipe, with initial or trained weights. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Normalisation } from '../../data/transforms/normalise.ts'
import { InputError } from '../../errors.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { legendNames } from '../../io/label-legend.ts'
import { MOST_CLASSES } from '../../io/label-values.ts'
import type { LabelNetwork, TrainableLabelNetwork } from '../../models/label-network.ts'
import { DilatedHead, LightHead, segmentationNetwork } from '../../models/segmentation/index.ts'
import { Segmenter } from '../../models/segmenter/index.ts'
import { skipInit } from '../../nn/index.ts'
import { checkpointFiles } from '../../train/checkpoint.ts'
import { silentLog } from '../../train/log.ts'
import { backboneShape } from '../recipe/backbone.ts'
import { encoderOf, methodOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { SegmentRecipe } from '../recipe/segment.ts'
import { fromHere, type RunFolder } from '../run/run-folder.ts'
import { buildBackbone } from './build-backbone.ts'
import { loadMethod, loadTrained, prepareTorch } from './build-method.ts'

/**
 * Builds it with random weights: ResNet38 with the published head, a vision transformer with a light one or as a
 * Segmenter. `labels` counts the background.
 */
export function buildSegmentation(
  recipe: Recipe,
  settings: SegmentRecipe,
  { labels }: { labels: number },
): TrainableLabelNetwork {
  const { network, backbone: name } = settings
  if (network === 'segmenter') return buildSegmenter(recipe, settings, { labels })
  const backbone = buildBackbone(name, recipe, { numClasses: labels - 1, frozen: ['conv1a'] })
  return segmentationNetwork(backbone, channels =>
    name === 'resnet38' ? new DilatedHead({ channels, labels }) : new LightHead({ channels, labels }),
  )
}

/** Its position embeddings are for the training crop. */
function buildSegmenter(
  recipe: Recipe,
  { backbone, cropSize: imageSize }: SegmentRecipe,
  { labels }: { labels: number },
): Segmenter {
  const shape = backboneShape(backbone, recipe)
  if (shape !== undefined) return new Segmenter({ ...shape, imageSize, labels })
  throw new InputError('segment.backbone', 'is resnet38', {
    expected: 'a vision transformer (model or deit-*) for the segmenter',
  })
}

/** Training crop and normalisation of the network that labels images. Throws InputError if the recipe has none. */
export function shownTo(recipe: Recipe): { cropSize: number; normalisation: Normalisation } {
  const { segment, normalise } = recipe
  if (segment !== null) return { cropSize: segment.cropSize, normalisation: segment.normalise ?? normalise }
  if (methodOf(recipe).labels) return { cropSize: encoderOf(recipe).imageSize, normalisation: normalise }
  throw new InputError('segment', 'is null', { expected: 'a recipe with this section' })
}

/** Weight folder of the network that labels images: the stage segment's, or the method's own. */
function labelFolder({ segment }: Recipe, run: RunFolder): string {
  return segment === null ? run.checkpoints : run.segmentCheckpoints
}

/** Weights of the network that labels images: trained in the run, or given for its CAMs where the method has its own head. */
export function labelWeights(recipe: Recipe, run: RunFolder): string {
  return publishedLabels(recipe) ?? checkpointFiles(labelFolder(recipe, run)).last
}

function publishedLabels({ segment, maps }: Recipe): string | undefined {
  return segment === null ? (maps.weights ?? undefined) : undefined
}

const namesFile = (folder: string): string => join(folder, 'labels.txt')

/** Writes labels.txt into the folder of the weights: line k + 1 is label k; a name that is no plain line is a JSON string. */
export async function writeLabelNames(folder: string, classes: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  const lines = ['background', ...classes].map(name => (isPlainLine(name) ? name : JSON.stringify(name)))
  await writeFileAtomic(namesFile(folder), `${lines.join('\n')}\n`)
}

function isPlainLine(name: string): boolean {
  return (
    name !== '' && name.trim() === name && !name.startsWith('"') && !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(name)
  )
}

function parseLabelName(line: string): string {
  if (!line.startsWith('"')) return line
  try {
    return String(JSON.parse(line))
  } catch {
    return line // an older file
  }
}

/** The foreground classes of the trained network. Throws InputError when the run has none that labels images. */
export async function readLabelNames(recipe: Recipe, run: RunFolder): Promise<string[]> {
  const own = methodOf(recipe).labels === true
  if (own && publishedLabels(recipe) !== undefined) return readLegendNames(run)
  const folder = labelFolder(recipe, run)
  const text = await readFile(namesFile(folder), 'utf8').catch(() => undefined)
  if (text === undefined || (recipe.segment === null && !own)) {
    const stage = recipe.segment === null ? 'train' : 'segment'
    throw new InputError(fromHere(run.root), 'has no trained segmentation network', {
      expected:
        recipe.segment === null && !own
          ? `its recipe has no section segment: add it with tagmask run ${fromHere(run.root)} --resume-with-changes --set segment={}`
          : `train it first: tagmask ${stage} ${fromHere(run.root)}`,
    })
  }
  const names = text.replace(/\n$/, '').split('\n').slice(1).map(parseLabelName)
  if (names.length <= MOST_CLASSES) return names
  throw new InputError(namesFile(folder), `names ${names.length} classes`, {
    expected: `masks of 8 bits have room for ${MOST_CLASSES}: train with fewer`,
  })
}

/** The foreground classes of the run's masks, where nothing is trained. */
async function readLegendNames(run: RunFolder): Promise<string[]> {
  const text = await readFile(join(run.root, 'labels.json'), 'utf8').catch(() => undefined)
  if (text !== undefined) return legendNames(text, join(run.root, 'labels.json')).slice(1)
  const expected = `make its masks first: tagmask evaluate ${fromHere(run.root)}`
  throw new InputError(fromHere(run.root), 'has no labels.json, the names of its labels', { expected })
}

/** The trained network that labels images, in eval mode, and its foreground classes. Throws InputError when there is none. */
export async function loadLabelNetwork(
  recipe: Recipe,
  run: RunFolder,
): Promise<{ network: LabelNetwork; classes: readonly string[] }> {
  const classes = await readLabelNames(recipe, run)
  const network = await buildLabelNetwork(recipe, run, classes)
  network.to(recipe.device).eval()
  return { network, classes }
}

async function buildLabelNetwork(
  recipe: Recipe,
  run: RunFolder,
  classes: readonly string[],
): Promise<LabelNetwork> {
  const file = labelWeights(recipe, run)
  if (recipe.segment === null) {
    const published = publishedLabels(recipe) !== undefined
    return (await loadMethod(recipe, file, { classes, published, log: silentLog() })).labeller!
  }
  prepareTorch(recipe)
  const { segment } = recipe
  const network = skipInit(() => buildSegmentation(recipe, segment, { labels: classes.length + 1 }))
  await loadTrained(network, file)
  return network
}
