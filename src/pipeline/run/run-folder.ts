/** @file runs/NAME/: all files of a run, and when a folder may be reused. Stages communicate through these files only. */
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { codeOf, InputError } from '../../errors.ts'
import { removeLeftoversBelow, writeFileAtomic } from '../../io/atomic.ts'
import { packageVersion } from '../../io/package-root.ts'
import { differingKeys, isNeutralKey } from '../recipe/compare.ts'
import { formatRecipe, parseRecipe } from '../recipe/load.ts'
import type { Recipe } from '../recipe/schema.ts'

/** In every run folder: marks it as tagmask's, so that its files may be replaced. */
export const RUN_MARK = 'tagmask-run.json'

const FORMAT = 2 // 1: before recipes said image where they said picture

/** Absolute paths inside a run folder. */
export type RunFolder = Readonly<ReturnType<typeof runFolder>>

/** The paths of a run folder; touches nothing. */
export function runFolder(root: string) {
  const at = (name: string) => join(resolve(root), name)
  return {
    root: resolve(root),
    name: basename(resolve(root)),
    /** The resolved recipe, written before anything else. */
    recipe: at('recipe.yaml'),
    /** One record for each start: program, Node, command, time. */
    sessions: at('sessions.jsonl'),
    /** Markers that say which stage is done, and from which inputs. */
    stages: at('stages'),
    /** Hashes of input files, so that unchanged ones are not reread. */
    contents: at('file-contents.json'),
    /** Weights and state of a method's autoencoder. */
    autoencoderCheckpoints: at('autoencoder'),
    /** Images in a row, and below each what the autoencoder makes of it. */
    reconstructions: at('autoencoder/reconstructions.png'),
    autoencoderMetrics: at('autoencoder-metrics.jsonl'),
    /** CAMs of some images as training goes on, by report.live. */
    live: at('live'),
    /** For TensorBoard, by report.tensorboard. */
    autoencoderEvents: at('tensorboard/autoencoder'),
    checkpoints: at('checkpoints'),
    metrics: at('metrics.jsonl'),
    events: at('tensorboard/train'),
    /** Libtorch, BLAS, threads, GPU: names and texts for the report, written by `train`. */
    environment: at('environment.json'),
    /** One safetensors file for each image: `cam` [K, H, W], metadata `classes`. */
    maps: at('maps'),
    /** Weights of the attention heads in the CAMs, for methods that weigh heads. */
    headWeights: at('head-weights.json'),
    /** Class tokens of some images out of every block: `tokens` [N, layers, D], metadata `classes`. */
    classTokens: at('class-tokens.safetensors'),
    /** Label PNGs of the CAMs at the best threshold. */
    masks: at('masks'),
    /** Labels of AffinityNet: for each image its CAMs twice through the dense CRF. */
    affinityLabels: at('affinity/labels'),
    affinityCheckpoints: at('affinity/checkpoints'),
    affinityMetrics: at('affinity-metrics.jsonl'),
    affinityEvents: at('tensorboard/affinity'),
    /** CAMs after the random walk, in the form of `maps`. */
    refined: at('refined'),
    /** ID.png: the labels that segmentation is trained on. */
    pseudoMasks: at('pseudo-masks'),
    /** ID.png: the same with 254 where the CAMs are unsure; the labels of segmentation with refine.sure. */
    sureMasks: at('sure-masks'),
    refineScores: at('refine-scores.json'),
    refineTable: at('refine-scores.txt'),
    /** Weights and state of the segmentation network, and labels.txt with the names of its labels. */
    segmentCheckpoints: at('segment'),
    segmentMetrics: at('segment-metrics.jsonl'),
    /** Of the trainings before the last in round-N/. */
    segmentEvents: at('tensorboard/segment'),
    /** N/: weights, metrics and labels.txt of the trainings before the last, and masks/ID.png, the labels of the next. */
    segmentRounds: at('segment-rounds'),
    roundScores: at('round-scores.json'),
    roundTable: at('round-scores.txt'),
    /** SPLIT/WAY/ID.png: labels that the segmentation network gives at one scale, several, and with the dense CRF. */
    predictions: at('predictions'),
    predictionScores: at('prediction-scores.json'),
    predictionTable: at('prediction-scores.txt'),
    /** The final masks, for people: masks/ID.png, overlays/ID.jpg, labels.txt, areas.csv. */
    result: at('result'),
    /** PNG files that reports of earlier versions show. */
    images: at('images'),
    /** Each image that a stage could not use, and why. */
    lostImages: at('lost-images.txt'),
    scores: at('scores.json'),
    scoresTable: at('scores.txt'),
    /** mIoU of each scored image, percent. */
    imageScores: at('image-scores.json'),
    report: at('report.html'),
    /** The images that the report shows. */
    reportFiles: at('report'),
  }
}

/**
 * Throws InputError listing the keys that differ when the folder holds a run of another recipe; keys that cannot change
 * a result (threads, paths) and those in `free` may differ, and so may all where no checkpoint would be lost. Changes nothing.
 */
export async function refuseOtherRecipe(
  root: string,
  recipe: Recipe,
  { free = new Set() }: { free?: ReadonlySet<string> } = {},
): Promise<void> {
  const run = runFolder(root)
  const text = await readOptional(run.recipe)
  const work = await readdir(run.checkpoints).catch(() => [])
  if (text === undefined || work.length === 0) return
  await refuseOlderRun(run.root)
  const before = parseRecipe(text, run.recipe)
  const changed = differingKeys(before, recipe).filter(({ key }) => !isNeutralKey(key) && !free.has(key))
  if (changed.length === 0) return
  const lines = changed.map(({ key, before, now }) => `  ${key}: ${show(before)} there, ${show(now)} now\n`)
  throw new InputError(
    fromHere(run.root),
    `this run was started with another recipe:\n${lines.join('')}` +
      'give the folder of the run to go on as it was, use --name for a new one, or --resume-with-changes to rerun the ' +
      'stages concerned',
  )
}

/**
 * Creates or reopens the folder: marks it, removes half-written files of killed processes, and writes recipe.yaml before
 * anything else. Call it under the lock.
 */
export async function openRunFolder(root: string, recipe: Recipe): Promise<RunFolder> {
  const run = runFolder(root)
  await makeFolder(run.root)
  const mark = { kind: 'tagmask run', format: FORMAT, tagmask: packageVersion() }
  await writeFileAtomic(join(run.root, RUN_MARK), `${JSON.stringify(mark, null, 2)}\n`)
  await removeLeftoversBelow(run.root)
  await writeFileAtomic(run.recipe, formatRecipe(recipe))
  for (const folder of [run.stages, run.checkpoints, run.maps, run.masks]) await makeFolder(folder)
  return run
}

/** A path relative to the working folder, where it is inside. */
export function fromHere(path: string): string {
  const short = relative(process.cwd(), path)
  return short === '' || short.startsWith('..') ? path : short
}

/** The run folder at `root` and its recipe. Throws InputError when there is none. */
export async function existingRunFolder(root: string): Promise<{ run: RunFolder; recipe: Recipe }> {
  const run = runFolder(root)
  const text = await readOptional(run.recipe)
  if (text === undefined) {
    const found = await stat(run.root).catch(() => undefined)
    throw new InputError(
      root,
      found === undefined ? 'there is no such run' : 'is not a run folder: it holds no recipe.yaml',
      {
        expected: 'give the folder of a run, such as runs/NAME',
      },
    )
  }
  await refuseOlderRun(run.root)
  return { run, recipe: parseRecipe(text, run.recipe) }
}

/** Throws InputError for a run whose recipe has the keys of an older version. */
export async function refuseOlderRun(root: string): Promise<void> {
  const text = (await readOptional(join(root, RUN_MARK))) ?? ''
  if (!/"format": 1\b/.test(text)) return
  throw new InputError(fromHere(root), 'was made by an older tagmask, whose recipes had other keys', {
    expected: 'continue with that version, or start a new run with --name; CHANGELOG.md lists the keys',
  })
}

function show(value: unknown): string {
  return value === undefined ? 'not set' : JSON.stringify(value)
}

/** Creates a folder and its parents. Throws InputError on failure. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (cause) {
    throw new InputError(path, 'the folder cannot be created', {
      expected: 'choose another folder with --runs',
      cause,
    })
  }
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}
