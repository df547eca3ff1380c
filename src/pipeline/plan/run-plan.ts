/** @file What a run will do, before its first step: images, classes, trainings, time and disk. Loads libtorch to measure its speed. */
import { classCounts } from '../../data/class-names.ts'
import { type Dataset, tagged } from '../../data/dataset.ts'
import type { Sample } from '../../data/sample.ts'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { readImage } from '../../io/image.ts'
import { imageSize } from '../../io/image-size.ts'
import { stepsOf } from '../../train/length.ts'
import { silentLog } from '../../train/log.ts'
import { inParallel } from '../images/in-parallel.ts'
import { encoderOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import { freeBytes } from '../run/preflight.ts'
import type { RunFolder } from '../run/run-folder.ts'
import { stagesToDo } from '../run/run-stages.ts'
import type { StageName, TrainingPlan } from '../run/stage.ts'
import { weightFiles } from '../run/weight-files.ts'
import { stagesOf } from '../stages/list.ts'
import { batchesOf, lengthOf } from '../training/training-length.ts'
import { estimateDisk, peakDisk } from './disk-use.ts'
import { estimateWork, type Machine, secondsOf } from './stage-work.ts'

export interface RunPlan {
  /** The folder of the data set. */
  readonly data: string
  readonly train: PlannedSet
  readonly val: PlannedSet | undefined
  /** Images that cannot be read, and why. */
  readonly unreadable: readonly { readonly id: string; readonly why: string }[]
  /** Mean size of the images, pixels. */
  readonly width: number
  readonly height: number
  /** Images of each class in the training split. */
  readonly classes: readonly { readonly name: string; readonly images: number }[]
  /** Files of weights that are read; empty: all networks start from random weights. */
  readonly weights: readonly { readonly key: string; readonly file: string }[]
  readonly stages: readonly PlannedStage[]
  /** Bytes at the most while it runs, and those that are free; undefined where unknown. */
  readonly peak: number
  readonly free: number | undefined
  /** Undefined on a GPU, whose speed is not measured. */
  readonly machine: (Machine & { readonly precision: string }) | undefined
  readonly result: string
}

interface PlannedSet {
  readonly split: string
  readonly images: number
  /** Images with a tag. */
  readonly tagged: number
  /** Images with a ground-truth mask. */
  readonly masks: number
}

export interface PlannedStage {
  readonly name: StageName
  /** Trainings: "120 steps, 8 epochs of 15, batches of 4". */
  readonly trainings: readonly string[]
  readonly done: boolean
  /** 0 where it is done; undefined where the machine is not measured. */
  readonly seconds: number | undefined
  readonly bytes: number
}

export interface RunPlanOptions {
  readonly recipe: Recipe
  readonly dataset: Dataset
  readonly valDataset: Dataset | undefined
  readonly run: RunFolder
  readonly stages: readonly StageName[]
  /** Done stages run again. */
  readonly force: boolean
  /** Look at every image, to name those that cannot be read. */
  readonly lookAtAll: boolean
}

const LOOKED_AT = 200 // images, where not all are

/** Measures the machine for about half a second. Changes nothing. */
export async function planRun(options: RunPlanOptions): Promise<RunPlan> {
  const { recipe, run, lookAtAll } = options
  const all = [...options.dataset.samples, ...(options.valDataset?.samples ?? [])]
  const { width, height, unreadable } = await lookAt(all, { lookAtAll, least: encoderOf(recipe).patchSize })
  const lost = new Set(unreadable.map(({ id }) => id))
  const usable = (set: Dataset): Dataset => ({
    ...set,
    samples: set.samples.filter(({ id }) => !lost.has(id)),
  })
  const dataset = usable(options.dataset)
  const valDataset = options.valDataset && usable(options.valDataset)
  const images = tagged(dataset).length
  const tags = images === 0 ? 1 : tagged(dataset).reduce((sum, { tags }) => sum + tags.length, 0) / images
  const counts = classCounts(dataset)
  const size = {
    images,
    valImages: valDataset?.samples.length ?? dataset.samples.length,
    classes: dataset.classes.length,
    width,
    height,
    tags,
  }
  const machine = await measureMachine(recipe)
  return {
    data: dataset.root,
    train: setOf(dataset),
    val: valDataset && setOf(valDataset),
    unreadable,
    width,
    height,
    classes: dataset.classes.map((name, k) => ({ name, images: counts[k]! })),
    weights: (await weightFiles(recipe)).map(({ key, file }) => ({ key, file })),
    stages: await planStages(options, { size, machine }),
    peak: peakDisk(recipe, size),
    free: await freeBytes(run.root),
    machine,
    result: run.result,
  }
}

async function planStages(
  options: RunPlanOptions,
  { size, machine }: { size: Parameters<typeof estimateDisk>[1]; machine: Machine | undefined },
): Promise<PlannedStage[]> {
  const { recipe, stages } = options
  const toDo = await stagesToDo({ ...options, signal: new AbortController().signal, log: silentLog() })
  const work = new Map(estimateWork(recipe, size).map(stage => [stage.stage, stage]))
  const disk = estimateDisk(recipe, size)
  return stagesOf(recipe)
    .filter(({ name }) => stages.includes(name))
    .map(stage => {
      const { name } = stage
      const done = !toDo.has(name)
      const load = work.get(name)
      return {
        name,
        trainings: (stage.trainings?.(recipe) ?? []).map(training => trainingWords(training, size.images)),
        done,
        seconds: done || load === undefined ? 0 : machine && secondsOf(load, machine),
        bytes: disk.get(name) ?? 0,
      }
    })
}

/** "120 steps: 20 x 6, batches of 10" */
function trainingWords(training: TrainingPlan, images: number): string {
  const batches = batchesOf(images, training)
  const length = lengthOf(training, { batches, title: training.section, log: silentLog() })
  const inEpochs = length.unit === 'steps' ? '' : `: ${length.count} x ${batches}`
  return `${count(stepsOf(length, batches), 'step')}${inEpochs}, batches of ${training.batchSize}`
}

function setOf(set: Dataset): PlannedSet {
  const { split, samples } = set
  const masks = samples.filter(({ mask }) => mask !== undefined).length
  return { split, images: samples.length, tagged: tagged(set).length, masks }
}

/** The mean size by the headers; the reason of an unreadable image by reading it. */
async function lookAt(
  samples: readonly Sample[],
  { lookAtAll, least }: { lookAtAll: boolean; least: number },
): Promise<{ width: number; height: number; unreadable: { id: string; why: string }[] }> {
  const step = lookAtAll ? 1 : Math.max(1, Math.floor(samples.length / LOOKED_AT))
  const looked = samples.filter((_, i) => i % step === 0)
  const unreadable: { id: string; why: string }[] = []
  let [width, height, found] = [0, 0, 0]
  await inParallel(looked, async ({ id, image }) => {
    const size = await imageSize(image)
    if (size !== undefined && Math.min(size.width, size.height) < least) {
      unreadable.push({ id, why: `smaller than a patch of ${least} pixels` })
      return
    }
    if (size !== undefined) {
      width += size.width
      height += size.height
      found++
      return
    }
    const error: unknown = await readImage(image).then(
      () => undefined,
      (cause: unknown) => cause,
    )
    if (error instanceof InputError) unreadable.push({ id, why: error.message.replace(`${image}: `, '') })
  })
  const order = new Map(looked.map(({ id }, i) => [id, i]))
  unreadable.sort((a, b) => order.get(a.id)! - order.get(b.id)!)
  const mean = (sum: number): number => (found === 0 ? 1 : Math.max(1, Math.round(sum / found)))
  return { width: mean(width), height: mean(height), unreadable }
}

/** With the recipe's threads and number format. */
async function measureMachine({ threads, precision, device }: Recipe): Promise<RunPlan['machine']> {
  if (device !== 'cpu') return undefined
  const { setThreads, threads: cores } = await import('../../torch/index.ts')
  const { productSpeed } = await import('../../torch/measure.ts')
  if (threads !== null) setThreads(threads)
  const gflops = productSpeed(precision === 'bf16' ? 'bfloat16' : 'float32')
  return { gflops, cores: cores(), precision }
}
