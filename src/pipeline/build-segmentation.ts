/** @file The segmentation network of a recipe, to be trained or with what a run has trained. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { writeFileAtomic } from '../io/atomic.ts'
import {
  DilatedHead,
  LightHead,
  type SegmentationNetwork,
  segmentationNetwork,
} from '../models/segmentation/index.ts'
import { checkpointFiles } from '../train/checkpoint.ts'
import { buildBackbone } from './build-backbone.ts'
import { loadTrained, prepareTorch } from './build-method.ts'
import type { Recipe } from './recipe/schema.ts'
import type { SegmentRecipe } from './recipe/segment.ts'
import { fromHere, type RunFolder } from './run-folder.ts'

/**
 * Builds it with freshly drawn weights: ResNet38 with the published head, a vision transformer with a light one.
 * `labels` counts the background.
 */
export function buildSegmentation(
  recipe: Recipe,
  { backbone: name }: SegmentRecipe,
  { labels }: { labels: number },
): SegmentationNetwork {
  const backbone = buildBackbone(name, recipe, { numClasses: labels - 1, frozen: ['conv1a'] })
  return segmentationNetwork(backbone, channels =>
    name === 'resnet38' ? new DilatedHead({ channels, labels }) : new LightHead({ channels, labels }),
  )
}

const namesFile = (run: RunFolder): string => join(run.segmentCheckpoints, 'labels.txt')

/** Writes labels.txt beside the weights: line k + 1 is label k. */
export async function writeLabelNames(run: RunFolder, classes: readonly string[]): Promise<void> {
  await writeFileAtomic(namesFile(run), `${['background', ...classes].join('\n')}\n`)
}

/** What the run has trained, in eval mode, and its foreground classes. Throws InputError when it has trained nothing. */
export async function loadSegmentation(
  recipe: Recipe,
  run: RunFolder,
): Promise<{ network: SegmentationNetwork; classes: readonly string[] }> {
  const text = await readFile(namesFile(run), 'utf8').catch(() => undefined)
  if (text === undefined || recipe.segment === null) {
    throw new InputError(fromHere(run.root), 'has no trained segmentation network', {
      expected:
        recipe.segment === null
          ? 'its recipe has no section segment'
          : `train it first: tagmask segment ${fromHere(run.root)}`,
    })
  }
  const [, ...classes] = text.trimEnd().split('\n')
  const device = prepareTorch(recipe)
  const network = buildSegmentation(recipe, recipe.segment, { labels: classes.length + 1 })
  await loadTrained(network, checkpointFiles(run.segmentCheckpoints).last)
  network.to(device).eval()
  return { network, classes }
}
