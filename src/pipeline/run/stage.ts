/** @file What a stage is, and what it is given. Imports no torch; a stage's work is loaded when it runs. */
import type { Dataset } from '../../data/dataset.ts'
import { TagmaskError } from '../../errors.ts'
import type { Log } from '../../train/log.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { RunFolder } from './run-folder.ts'

/** Name of a stage: of its command, its marker, and before its messages. */
export type StageName = string

/** `base`: with another, nothing that is there may stay. `soft`: with another, what is there stays and is added to. */
export interface ByPart<T> {
  readonly base?: readonly T[]
  readonly soft?: readonly T[]
}

/** What is known of a run's images. */
export interface StageSets {
  readonly recipe: Recipe
  readonly dataset: Dataset
  readonly valDataset: Dataset | undefined
  /** The images whose maps are scored. */
  readonly scored: Dataset
}

/** An image that a stage reads. */
export interface StageImage {
  /** SPLIT/ID: one id may be in two splits. */
  readonly key: string
  readonly split: string
  readonly id: string
  readonly file: string
}

/** A file or folder that a stage writes. */
export interface StageOutput {
  readonly path: string
  /** Without a file in it nothing was done. */
  readonly needed?: boolean
  /** It took hours to make: set aside, not deleted, when the stage starts afresh. */
  readonly aside?: boolean
  /** Only while the stage works, or for a person to read: it may be gone once the stage is done. */
  readonly passing?: boolean
}

/** One training of a stage, before anything is known of its data. */
export interface TrainingPlan {
  /** Section of its settings, its name in messages. */
  readonly section: string
  readonly batchSize: number
  readonly dropLast: boolean
  /** Side of the images it sees, pixels, and the key that says so. */
  readonly side: number
  readonly sideKey: string
  /** Views of an image in a batch; 1 unless told. */
  readonly views?: number
}

/** A file with weights that a stage may start from. */
export interface WeightKey {
  /** Where the recipe names it. */
  readonly key: string
  /** What sets it on the command line. */
  readonly flag: string
}

export interface StageDefinition {
  readonly name: StageName
  /** What it makes, in the plural: "the CAMs". */
  readonly product: string
  /** For `--help` of its command; undefined where a command of another kind runs it. */
  readonly command?: { readonly brief: string; readonly description: string }
  /** Whether a recipe has it; every recipe does where this is not given. */
  has?(recipe: Recipe): boolean
  /** The stages that its result depends on. */
  before(recipe: Recipe): ByPart<StageDefinition>
  /** It tells what they did: that they were rerun counts, also where they made the same. */
  readonly tellsOfStages?: boolean
  /** The sections of the recipe that it reads and the stages before it do not, and what they hold that does not reach it. */
  sections(recipe: Recipe): readonly (keyof Recipe)[]
  readonly notKeys?: RegExp
  /** The sets whose images and tags it reads. */
  images?(sets: StageSets): ByPart<Dataset>
  /** The sets whose masks it chooses by (base), or only scores by (soft). */
  masks?(sets: StageSets): ByPart<Dataset>
  /** Further things that what is there may be added to for, by name. */
  soft?(recipe: Recipe): Readonly<Record<string, string>>
  outputs(run: RunFolder): readonly StageOutput[]
  /** Where it goes image by image: the files that it makes of one. */
  filesOfImage?(image: StageImage, at: { run: RunFolder; recipe: Recipe }): string[]
  readonly weights?: WeightKey
  trainings?(recipe: Recipe): TrainingPlan[]
  /** What is to be said of a training that starts from random weights; undefined where it does not, or is meant to. */
  randomStart?(recipe: Recipe): string | undefined
  /** A table of scores that is shown again when there was nothing to do. */
  table?(run: RunFolder): string
  /** Loads libtorch where the stage needs it. */
  load(): Promise<Stage>
}

export function hasStage({ has }: StageDefinition, recipe: Recipe): boolean {
  return has?.(recipe) ?? true
}

/** Everything a stage may use. What it finds in its own outputs was made from the same inputs: go on from there. */
export interface StageContext {
  readonly recipe: Recipe
  readonly dataset: Dataset
  /** Images of `data.valSplit`; undefined without one. */
  readonly valDataset: Dataset | undefined
  readonly run: RunFolder
  /** Aborted by Ctrl-C: finish the step, make the work safe, then throw an `Interrupted`. */
  readonly signal: AbortSignal
  readonly log: Log
  /** To be told of each image that cannot be used, by stages that train: a repaired one does not undo the training. */
  readonly onLost?: (image: { readonly id: string }) => void
}

/** The work of a stage: reads and writes files of the run folder; returns when it is done. */
export type Stage = (context: StageContext) => Promise<void>

/** Thrown by a stage that stopped because its signal was aborted, after it made its work safe. */
export class Interrupted extends TagmaskError {
  override readonly name = 'Interrupted'

  /** `where`: how far it came, as in "epoch 3, step 120". */
  constructor(where: string) {
    super(`stopped at ${where}`)
  }
}
