/** @file Stage `report`: gathers what the stages left in the run folder into report.html. Imports no torch. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../errors.ts'
import { readImage } from '../../io/image.ts'
import { readLabelMap } from '../../io/indexed-png.ts'
import { packageVersion } from '../../io/package-root.ts'
import type { HeadWeights } from '../../methods/index.ts'
import { formatDuration } from '../../train/duration.ts'
import { readMetrics } from '../../train/metrics.ts'
import { readClassMaps } from '../class-map-file.ts'
import { openSplit } from '../open-data.ts'
import type { Recipe } from '../recipe/schema.ts'
import { type Column, type Example, type Fact, type FactGroup, writeReport } from '../report/index.ts'
import type { RunFolder } from '../run-folder.ts'
import { Interrupted, type StageContext } from '../stage.ts'
import { readMarker } from '../stage-marker.ts'
import type { ScoresFile } from './evaluate.ts'
import { type Choice, chooseExamples } from './examples.ts'
import type { PictureScore } from './masks.ts'
import { attentionWords, networkWords } from './method-words.ts'

/** Writes report.html and pictures/. A picture that cannot be read is named and left out, or ends the stage
 * under `strict`. */
export async function reportStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run, log } = context
  const file = await readJson<ScoresFile>(run.scores)
  const pictureScores = await readJson<readonly PictureScore[]>(run.pictureScores)
  const split = recipe.evaluate.split ?? dataset.split
  const { pictures } =
    split === dataset.split ? dataset : await openSplit(recipe, { split, classes: dataset.classes })
  const choices = chooseExamples(pictures, { scores: pictureScores, count: recipe.report.pictures })
  await writeReport(run.root, {
    title: run.name,
    subtitle: subtitleOf(context),
    classes: dataset.classes,
    scores: file.scores,
    examples: await readExamples(context, { choices, threshold: file.threshold }),
    metrics: await readMetrics(run.metrics),
    headWeights: await readJson<HeadWeights>(run.headWeights).catch(() => undefined),
    settings: settingsOf(recipe),
    facts: await factsOf(recipe, run),
    warnings: [...new Set([...dataset.warnings, ...log.warnings])],
  })
}

async function readExamples(
  context: StageContext,
  { choices, threshold }: { choices: readonly Choice[]; threshold: number },
): Promise<Example[]> {
  const { recipe, log, signal } = context
  const progress = log.progress({ title: 'report', total: choices.length })
  const examples: Example[] = []
  for (const [i, choice] of choices.entries()) {
    if (signal.aborted) throw new Interrupted('the report')
    try {
      examples.push(await readExample(context, choice, threshold))
    } catch (error) {
      if (recipe.strict || !(error instanceof InputError)) throw error
      log.warn(`${choice.picture.id} is left out of the report: ${error.message}`)
    }
    progress.update(i + 1)
  }
  progress.finish()
  return examples
}

/** One picture: photo, its class maps, the mask made from them, and where there is a true mask, that and the mistakes. */
async function readExample(
  { run, dataset }: StageContext,
  { picture: { id, image, tags, mask }, note }: Choice,
  threshold: number,
): Promise<Example> {
  const names = (k: number) => dataset.classes[k] ?? `class ${k}`
  const { maps } = await readClassMaps(join(run.maps, `${id}.safetensors`))
  const prediction = await readLabelMap(join(run.masks, `${id}.png`))
  const truth = mask === undefined ? undefined : await readLabelMap(mask)
  const columns: Column[] = [
    { kind: 'photo', title: 'photo' },
    ...[...maps].map(
      ([k, map]): Column => ({ kind: 'class map', title: `map of ${names(k)}`, map, threshold }),
    ),
    { kind: 'mask', title: 'seed', mask: prediction },
  ]
  if (truth !== undefined) {
    columns.push(
      { kind: 'mask', title: 'ground truth', mask: truth },
      { kind: 'errors', title: 'mistakes', prediction, truth },
    )
  }
  return {
    id,
    image: await readImage(image),
    tags: tags.map(names),
    columns,
    ...(note === undefined ? {} : { note }),
  }
}

function subtitleOf({ recipe, dataset }: StageContext): string {
  const { train } = recipe
  const count = dataset.pictures.length.toLocaleString('en-US')
  return `${networkWords(recipe)}, ${widthOf(recipe)}, on ${dataset.name} ${dataset.split} (${count} pictures of ${dataset.classes.length} classes), ${train.epochs} epochs`
}

function widthOf({ model: { width } }: Recipe): string {
  return typeof width === 'string'
    ? width
    : `${width.embedDim} channels, ${width.depth} blocks, ${width.heads} heads`
}

function settingsOf(recipe: Recipe): FactGroup[] {
  const { model, train, maps, evaluate, weights } = recipe
  const { optimiser, schedule, augment } = train
  const lr = optimiser.lrBatch === null ? optimiser.lr : (optimiser.lr * train.batchSize) / optimiser.lrBatch
  const facts = (values: Record<string, string | number>): Fact[] =>
    Object.entries(values).map(([name, value]) => ({ name, value: String(value) }))
  return [
    {
      title: 'Network',
      facts: facts({
        network: networkWords(recipe),
        width: widthOf(recipe),
        picture: `${model.imageSize} pixels, patches of ${model.patchSize}`,
        'drop-path': model.dropPath,
        'started from': weights ?? 'random weights',
      }),
    },
    {
      title: 'Training',
      facts: facts({
        epochs: train.epochs,
        batch: train.batchSize,
        optimiser: `${optimiser.kind}, weight decay ${optimiser.weightDecay}`,
        'learning rate': `${Number(lr.toPrecision(6))}, ${schedule.kind}, ${schedule.warmupEpochs} epochs of warm-up`,
        augmentation: [
          'crop',
          'flip',
          augment.randAugment === false ? '' : 'RandAugment',
          augment.erasing === false ? '' : 'erasing',
        ]
          .filter(name => name !== '')
          .join(', '),
      }),
    },
    {
      title: 'Class maps',
      facts: facts({
        attention: attentionWords(recipe),
        'patch affinity': maps.refine ? 'on' : 'off',
        scales: `${maps.scales.join(', ')}${maps.flip ? ', each with its mirror image' : ''}`,
        checkpoint: maps.checkpoint,
        'absent classes': evaluate.absent === 'zero' ? 'count as IoU 0' : 'left out of the mean',
      }),
    },
  ]
}

async function factsOf({ seed, precision, device }: Recipe, run: RunFolder): Promise<Fact[]> {
  const environment = await readJson<Record<string, string>>(run.environment).catch(() => ({}))
  const times: Fact[] = []
  for (const stage of ['train', 'maps', 'evaluate'] as const) {
    const marker = await readMarker(run, stage)
    if (marker?.finished == null) continue
    const seconds = (Date.parse(marker.finished) - Date.parse(marker.started)) / 1000
    times.push({ name: `${stage}, start to end`, value: formatDuration(seconds) })
  }
  return [
    { name: 'tagmask', value: `${packageVersion()}, Node ${process.version}` },
    ...Object.entries(environment).map(([name, value]) => ({ name, value: String(value) })),
    { name: 'seed', value: String(seed) },
    { name: 'device', value: `${device}, ${precision}` },
    ...times,
  ]
}

async function readJson<T>(path: string): Promise<T> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch (cause) {
    throw new InputError(path, 'is missing or damaged', {
      expected: 'run the stage evaluate again: tagmask evaluate RUN --force',
      cause,
    })
  }
}
