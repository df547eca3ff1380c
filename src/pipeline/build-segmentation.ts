/** @file The segmentation network of a recipe, to be trained or with what a run has trained. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Normalisation } from '../data/transforms/normalise.ts'
import { InputError } from '../errors.ts'
import { writeFileAtomic } from '../io/atomic.ts'
import { MOST_CLASSES } from '../io/label-values.ts'
import {
  DilatedHead,
  LightHead,
  type SegmentationNetwork,
  segmentationNetwork,
} from '../models/segmentation/index.ts'
import { Segmenter } from '../models/segmenter/index.ts'
import { checkpointFiles } from '../train/checkpoint.ts'
import { buildBackbone } from './build-backbone.ts'
import { loadTrained, prepareTorch } from './build-method.ts'
import { backboneShape } from './recipe/backbone.ts'
import type { Recipe } from './recipe/schema.ts'
import type { SegmentRecipe } from './recipe/segment.ts'
import { fromHere, type RunFolder } from './run-folder.ts'

/** What the stages segment and predict work with. */
export type LabelNetwork = SegmentationNetwork | Segmenter

/**
 * Builds it with freshly drawn weights: ResNet38 with the published head, a vision transformer with a light one or as a
 * Segmenter. `labels` counts the background.
 */
export function buildSegmentation(
  recipe: Recipe,
  settings: SegmentRecipe,
  { labels }: { labels: number },
): LabelNetwork {
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

/** What the segmentation network is shown: crops of this side, pixels so normalised. Throws InputError without a section segment. */
export function shownTo({ segment, normalise }: Recipe): { cropSize: number; normalisation: Normalisation } {
  if (segment === null) throw new InputError('segment', 'is null', { expected: 'a recipe with this section' })
  return { cropSize: segment.cropSize, normalisation: segment.normalise ?? normalise }
}

const namesFile = (run: RunFolder): string => join(run.segmentCheckpoints, 'labels.txt')

/** Writes labels.txt beside the weights: line k + 1 is label k; a name that is no plain line is in JSON's quotes. */
export async function writeLabelNames(run: RunFolder, classes: readonly string[]): Promise<void> {
  await mkdir(run.segmentCheckpoints, { recursive: true })
  const lines = ['background', ...classes].map(name => (isPlainLine(name) ? name : JSON.stringify(name)))
  await writeFileAtomic(namesFile(run), `${lines.join('\n')}\n`)
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
    return line // as names were written before
  }
}

/** The foreground classes of what the run has trained. Throws InputError when it has trained nothing. */
export async function readLabelNames(recipe: Recipe, run: RunFolder): Promise<string[]> {
  const text = await readFile(namesFile(run), 'utf8').catch(() => undefined)
  if (text === undefined || recipe.segment === null) {
    throw new InputError(fromHere(run.root), 'has no trained segmentation network', {
      expected:
        recipe.segment === null
          ? `its recipe has no section segment: add it with tagmask run ${fromHere(run.root)} --resume-with-changes --set segment={}`
          : `train it first: tagmask segment ${fromHere(run.root)}`,
    })
  }
  const names = text.replace(/\n$/, '').split('\n').slice(1).map(parseLabelName)
  if (names.length <= MOST_CLASSES) return names
  throw new InputError(namesFile(run), `names ${names.length} classes`, {
    expected: `masks of 8 bits have room for ${MOST_CLASSES}: train with fewer`,
  })
}

/** What the run has trained, in eval mode, and its foreground classes. Throws InputError when it has trained nothing. */
export async function loadSegmentation(
  recipe: Recipe,
  run: RunFolder,
): Promise<{ network: LabelNetwork; classes: readonly string[] }> {
  const classes = await readLabelNames(recipe, run)
  const { segment } = recipe
  if (segment === null) throw new InputError('segment', 'is null', { expected: 'a recipe with this section' })
  const device = prepareTorch(recipe)
  const network = buildSegmentation(recipe, segment, { labels: classes.length + 1 })
  await loadTrained(network, checkpointFiles(run.segmentCheckpoints).last)
  network.to(device).eval()
  return { network, classes }
}
