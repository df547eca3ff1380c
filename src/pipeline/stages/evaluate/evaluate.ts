/** @file Stage `evaluate`: CAMs against masks at every threshold, then masks at the best one. Imports no torch. */
import type { Dataset, Sample } from '../../../data/dataset.ts'
import { sample } from '../../../data/listing.ts'
import { readTruth } from '../../../data/truth.ts'
import { InputError } from '../../../errors.ts'
import {
  addMaps,
  bestPoint,
  type ChosenThreshold,
  createSweep,
  describeChoice,
  formatScore,
  formatThreshold,
  meanIou,
  type Score,
  type ScoreRecord,
  type SweepPoint,
  scoreRecord,
  sweepConfusions,
  sweepCurve,
  type ThresholdChoice,
  type ThresholdSweep,
} from '../../../evaluate/index.ts'
import { writeFileAtomic } from '../../../io/atomic.ts'
import { count } from '../../../io/count.ts'
import { camFile, readCams } from '../../images/cam-file.ts'
import { exists } from '../../images/image-pass.ts'
import { collectLeftOut } from '../../images/left-out.ts'
import { notNamed } from '../../images/lost-images.ts'
import { methodOf } from '../../recipe/method.ts'
import type { Recipe } from '../../recipe/schema.ts'
import { openScoredSplit } from '../../run/open-data.ts'
import { Interrupted, type StageContext } from '../../run/stage.ts'
import { compareMaskTags, type MaskTags } from './mask-tags.ts'
import { writeMasks } from './masks.ts'
import { chosenByCams, thresholdOfCams } from './threshold-of-cams.ts'

/** Content of scores.json; `scores` is empty when the images have no masks. */
export interface ScoresFile {
  readonly scores: readonly ScoreRecord[]
  /** Background threshold of masks/, and how it was chosen. */
  readonly threshold: number
  readonly choice?: ThresholdChoice // not in files of earlier versions
  /** The threshold that the CAMs suggest by themselves, and its mIoU where there are masks. */
  readonly ofCams?: { readonly threshold: number; readonly miou?: number | undefined } | null
  readonly classes: readonly string[]
}

/** Writes scores.json, scores.txt, image-scores.json and masks/; prints the table. An image that cannot be
 * read is named and left out, or ends the stage under `strict`; without masks that hold a class the threshold is chosen from the CAMs alone. */
export async function evaluateStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run, log } = context
  const { classes } = dataset
  const scored = await openScoredSplit(context)
  const { split } = scored
  const erosion = recipe.evaluate.erosion ?? undefined
  const ofCams = await thresholdOfCams(run.maps, context)
  const known = knownThreshold(recipe, ofCams)
  const { sweep, count, unscored, maskTags } = await sweepImages(context, scored, {
    folder: run.maps,
    erosion,
    thresholds: [known?.value, ofCams],
  })
  maskTags.tell(log, split)
  const score = unscored === undefined ? pickScore(recipe, { sweep, count, split, known }) : undefined
  const chosen = score?.score.threshold ?? known ?? chosenByCams(ofCams)
  const threshold = chosen.value
  await writeMasks(context, { threshold, scored })
  const ofCamsScore =
    ofCams === undefined ? null : { threshold: ofCams, miou: score && miouAt(score.curve, ofCams) }
  const file: ScoresFile = {
    scores: score === undefined ? [] : [scoreRecord(score.score, classes, { curve: score.curve })],
    threshold,
    choice: chosen.choice,
    ofCams: ofCamsScore,
    classes,
  }
  const table =
    score === undefined
      ? `${unscored}: nothing is scored. Masks were made at threshold ${formatThreshold(threshold)}, ${describeChoice(chosen.choice)}.`
      : [formatScore(score.score, classes), ...comparedWith(ofCamsScore, score.score)].join('\n')
  await writeFileAtomic(run.scoresTable, `${table}\n`)
  await writeFileAtomic(run.scores, `${JSON.stringify(file, null, 2)}\n`)
  log.info(`\n${table}\n`)
}

/** "Without masks the threshold would be 0.31, from the CAMs alone: seed 49.21." */
function comparedWith(ofCams: ScoresFile['ofCams'], { threshold, metric }: Score): string[] {
  if (ofCams?.miou === undefined || ofCams.threshold === threshold?.value) return []
  return [
    `Without masks the threshold would be ${formatThreshold(ofCams.threshold)}, from the CAMs alone: ${metric} ${ofCams.miou.toFixed(2)}.`,
  ]
}

function miouAt(curve: readonly SweepPoint[], threshold: number): number | undefined {
  return curve.find(point => point.threshold === threshold)?.miou
}

/** The result of one pass over the masks and CAMs of a split. */
export interface Swept {
  readonly sweep: ThresholdSweep
  /** Images in it. */
  readonly count: number
  /** Why nothing can be scored, as the beginning of a sentence. */
  readonly unscored: string | undefined
  readonly maskTags: MaskTags
}

export interface SweepOptions {
  /** Folder of CAMs. */
  readonly folder: string
  /** Whether an earlier pass has logged what is left out and rotated. */
  readonly told?: boolean
  /** As addMaps takes it. */
  readonly erosion?: number | undefined
  /** Tried besides those of the recipe. */
  readonly thresholds?: readonly (number | undefined)[]
}

/**
 * One pass over the images that have both a mask and CAMs in the folder. Unusable masks are named and left out, or
 * thrown under `strict`; throws InputError when there are masks and no CAMs for them.
 */
export async function sweepImages(
  { recipe, dataset, run, log, signal }: StageContext,
  scored: Dataset,
  { folder, told = false, erosion, thresholds = [] }: SweepOptions,
): Promise<Swept> {
  const { split } = scored
  const samples = scored.samples.filter(({ mask }) => mask !== undefined)
  const sweep = createSweep(dataset.classes.length + 1, { thresholds: thresholdsOf(recipe, thresholds) })
  const maskTags = compareMaskTags(dataset.classes)
  const leftOut = collectLeftOut(recipe)
  const progress = log.progress({ title: 'evaluate', total: samples.length })
  const missing: Sample[] = []
  const rotated: string[] = []
  let [used, badCams] = [0, 0]
  for (const [i, sample] of samples.entries()) {
    if (signal.aborted) throw new Interrupted(`evaluate, image ${i}`)
    const { id, mask } = sample
    const mapFile = camFile(folder, { id })
    if (!(await exists(mapFile))) missing.push(sample)
    else {
      try {
        const maps = await readCams(mapFile)
        const truth = await readTruth(sample, maps)
        addMaps(sweep, { maps, truth, mapFile, truthFile: mask!, erosion })
        maskTags.add(sample, truth.data)
        if (truth.rotated && sample.maskRotated !== true) rotated.push(id) // else the data set has logged it
        used++
      } catch (error) {
        leftOut.add(id, error)
        if (error instanceof InputError && error.file === mapFile) badCams++
      }
    }
    progress.update(i + 1)
  }
  progress.finish()
  if (!told) {
    leftOut.tell(log, 'the scores')
    if (rotated.length > 0)
      log.info(
        `${count(rotated.length, 'mask', 'is')} rotated as the EXIF orientation of the image says: ${sample(rotated)}`,
      )
    await tellMissing({ run, log }, { missing, samples, split })
  }
  const reached = samples.length - missing.length - badCams
  if (samples.some(({ tags }) => tags.length > 0) && reached === 0) {
    const made = new Set(dataset.samples.map(({ id }) => id))
    throw new InputError(
      folder,
      `holds no CAM that can be scored for any of ${count(samples.length, 'image')} of ${split}`,
      {
        expected: samples.some(({ id }) => made.has(id))
          ? 'rerun the stage maps: tagmask maps RUN --force'
          : 'evaluate.split must name images of data.split, which have CAMs',
      },
    )
  }
  return {
    sweep,
    count: used,
    maskTags,
    unscored: whyUnscored({ samples, split, reached, used, maskTags }),
  }
}

/** Logs images with a mask and no CAM; only those are named that have a tag and that no stage has named. */
async function tellMissing(
  { run, log }: Pick<StageContext, 'run' | 'log'>,
  { missing, samples, split }: { missing: readonly Sample[]; samples: readonly Sample[]; split: string },
): Promise<void> {
  if (missing.length === 0) return
  const tagged = missing.filter(({ tags }) => tags.length > 0)
  const unnamed = await notNamed(run.lostImages, tagged)
  const what = `evaluate: ${missing.length} of ${count(samples.length, 'image')} of ${split} with a mask, without a CAM, left out of the scores`
  if (unnamed.length > 0) log.warn(`${what}: ${sample(unnamed)}`)
  else log.info(`${what}: without a tag, or lost before`)
}

function whyUnscored({
  samples,
  split,
  reached,
  used,
  maskTags,
}: {
  samples: readonly Sample[]
  split: string
  reached: number
  used: number
  maskTags: MaskTags
}): string | undefined {
  if (samples.length === 0) return `No image of ${split} has a mask`
  if (reached === 0) return `No image of ${split} that has a mask has a tag`
  if (used === 0) return `None of ${count(reached, 'mask')} of ${split} can be used`
  if (maskTags.pixels === 0) return `The masks of ${split} hold only 255, which is ignored`
  return maskTags.foreground === 0 ? `No mask of ${split} holds a pixel of a class` : undefined
}

/** The recipe's threshold, or that of its CAMs; undefined where masks choose it. */
function knownThreshold(recipe: Recipe, ofCams: number | undefined): ChosenThreshold | undefined {
  const given = recipe.evaluate.threshold
  if (given === 'cams') return chosenByCams(ofCams)
  if (given !== null) return { value: given, choice: { how: 'given' } }
  const own = methodOf(recipe).threshold?.(recipe)
  return own === undefined ? undefined : { value: own, choice: { how: 'what the CAMs are made for' } }
}

/** The score at the known threshold, or at the best of the curve. */
function pickScore(
  recipe: Recipe,
  {
    sweep,
    count,
    split,
    known,
  }: { sweep: ThresholdSweep; count: number; split: string; known: ChosenThreshold | undefined },
): { score: Score; curve: readonly SweepPoint[] } {
  const { absent } = recipe.evaluate
  const curve = sweepCurve(sweep, { absent })
  const threshold: ChosenThreshold = known ?? {
    value: bestPoint(curve).threshold,
    choice: { how: 'swept on the same masks it is scored on' },
  }
  const confusion = sweepConfusions(sweep)[sweep.thresholds.indexOf(threshold.value)]!
  const score: Score = {
    metric: 'seed',
    split,
    threshold,
    images: count,
    result: meanIou(confusion, { absent }),
    erosion: recipe.evaluate.erosion ?? undefined,
  }
  return { score, curve }
}

/** The sweep's thresholds in ascending order, the others among them. */
function thresholdsOf(recipe: Recipe, others: readonly (number | undefined)[]): number[] {
  const { start, stop, step } = recipe.evaluate.sweep
  const count = Math.floor((stop - start) / step + 1e-9) + 1
  const decimals = 10 // 0.1 + 0.2 must be 0.3
  const all = Array.from({ length: count }, (_, i) => Number((start + i * step).toFixed(decimals)))
  return [...new Set([...all, ...others.filter(value => value !== undefined)])].sort((a, b) => a - b)
}
