/** @file A stage and its context. Imports no torch; a stage's work is loaded when it runs. */
import type { Dataset } from '../../data/dataset.ts'
import { TagmaskError } from '../../errors.ts'
import type { Log } from '../../train/log.ts'
import type { Processes } from '../../train/parallel/processes.ts'
import type { Shard } from '../images/shard.ts'
import type { BackboneName } from '../recipe/backbone.ts'
import type { Recipe } from '../recipe/schema.ts'
import type { RunFolder } from './run-folder.ts'

/** A section of the recipes of any method. */
export type Section = Recipe extends infer R ? (R extends unknown ? keyof R : never) : never

/** Name of a stage: of its command, its marker, and before its messages. */
export type StageName = string

/** `base`: a change clears the stage's files. `soft`: a change keeps them, and the stage resumes. */
export interface ByPart<T> {
  readonly base?: readonly T[]
  readonly soft?: readonly T[]
}

/** The images of a run. */
export interface StageSets {
  readonly recipe: Recipe
  readonly dataset: Dataset
  readonly valDataset: Dataset | undefined
  /** The images whose CAMs are scored. */
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
  /** Must hold a file once the stage is done. */
  readonly needed?: boolean
  /** It took hours: set aside, not deleted, when the stage is rerun. */
  readonly aside?: boolean
  /** Needed only while the stage works, or by readers: it may be gone once the stage is done. */
  readonly passing?: boolean
  /** People work on it: a changed file is no damage, and is set aside when the stage is rerun. */
  readonly theirs?: boolean
  /** Files below it, by path in the run folder, that nothing needs once the stage is done: they go, unless the recipe keeps all. */
  readonly spent?: RegExp
}

/** One training of a stage, before its data is known. */
export interface TrainingPlan {
  /** Section of its settings, its name in messages. */
  readonly section: string
  readonly epochs: number | null
  readonly steps: number | null
  readonly batchSize: number
  readonly dropLast: boolean
  /** Side of the images it sees, pixels, and the key that says so. */
  readonly side: number
  readonly sideKey: string
  /** Views of an image in a batch; default: 1. */
  readonly views?: number
}

/** A file with weights that a stage may start from. */
export interface WeightKey {
  /** The recipe's key. */
  readonly key: string
  /** The flag of the command line. */
  readonly flag: string
  /** The backbone that they must fit; without, the method's own network, which says itself what fits. */
  backbone?(recipe: Recipe): BackboneName
  /** Another network, whose stage says what fits when it loads them. */
  readonly ofAnother?: true
}

/** Flags that have an effect on some stages only. */
export type StageFlag =
  | 'weights'
  | 'checkpoint'
  | 'select'
  | 'seed'
  | 'device'
  | 'precision'
  | 'threads'
  | 'shard'

export interface StageDefinition {
  readonly name: StageName
  /** What it makes, in the plural: "the CAMs". */
  readonly product: string
  /** For `--help` of its command; undefined where a command of another kind runs it. */
  readonly command?: {
    readonly brief: string
    readonly description: string
    /** What it has beside the flags of every stage, for data, keys and the run folder. */
    readonly flags: readonly StageFlag[]
  }
  /** Whether a recipe has it; default: every recipe. */
  has?(recipe: Recipe): boolean
  /** The stages that its result depends on. */
  before(recipe: Recipe): ByPart<StageDefinition>
  /** It reports on them: any rerun of them counts, also with the same result. */
  readonly tellsOfStages?: boolean
  /** The sections of the recipe that it reads and the stages before it do not; `notKeys`: their keys without effect on it. */
  sections(recipe: Recipe): readonly Section[]
  readonly notKeys?: RegExp
  /** The sets whose images and tags it reads. */
  images?(sets: StageSets): ByPart<Dataset>
  /** The sets whose masks decide a choice (base), or only scores (soft). */
  masks?(sets: StageSets): ByPart<Dataset>
  /** Further soft inputs, by name. */
  soft?(recipe: Recipe): Readonly<Record<string, string>>
  outputs(run: RunFolder): readonly StageOutput[]
  /** Where it goes image by image: the files of one. */
  filesOfImage?(image: StageImage, at: { run: RunFolder; recipe: Recipe }): string[]
  /** Where several processes may each make a part of its images. */
  readonly shards?: ShardRules
  readonly weights?: WeightKey
  trainings?(recipe: Recipe): TrainingPlan[]
  /** The warning of a training from random weights; undefined where it has weights, or needs none. */
  randomStart?(recipe: Recipe): string | undefined
  /** A table of scores, shown also when there was nothing to do. */
  table?(run: RunFolder): string
  /** Loads libtorch where the stage needs it. */
  load(): Promise<Stage>
}

export interface ShardRules {
  /** `block` of its shards: images that pass through the network together stay so, since numbers may round otherwise. */
  readonly block?: number
  /** What stands against it in a recipe. */
  obstacle?(recipe: Recipe): ShardObstacle | undefined
}

/** Why a stage is not made in shards: a key of the recipe, and what to do. */
export interface ShardObstacle {
  readonly key: string
  readonly problem: string
  readonly expected: string
}

export function hasStage({ has }: StageDefinition, recipe: Recipe): boolean {
  return has?.(recipe) ?? true
}

/** Everything a stage may use. Its existing outputs are of the same inputs: resume from them. */
export interface StageContext {
  readonly recipe: Recipe
  readonly dataset: Dataset
  /** Images of `data.valSplit`; undefined without one. */
  readonly valDataset: Dataset | undefined
  readonly run: RunFolder
  /** Aborted by Ctrl-C: finish the step, save the work, then throw an `Interrupted`. */
  readonly signal: AbortSignal
  readonly log: Log
  /** The processes that train together, in which this stage runs. Process 0 alone writes; the others share its trainings. */
  readonly processes?: Processes | undefined
  /** The part of the images that this process makes, and nothing that needs them all; undefined: all, and everything. */
  readonly shard?: Shard | undefined
  /** Called by stages that train and by shards, for each unusable image: a repaired one does not undo the training. */
  readonly onLost?: (image: { readonly id: string }) => void
}

/** Whether this process writes: the only one, or the first. */
export function leads({ processes }: Pick<StageContext, 'processes'>): boolean {
  return processes?.leads ?? true
}

/** Work of process 0 alone, whose files the others go on with once it is done. */
export async function firstly(
  { processes }: Pick<StageContext, 'processes'>,
  work: () => Promise<void>,
): Promise<void> {
  if (processes === undefined) await work()
  else await processes.share(() => work().then(() => null))
}

/** The work of a stage: reads and writes files of the run folder; returns when it is done. */
export type Stage = (context: StageContext) => Promise<void>

/** Thrown by a stage that stopped because its signal was aborted, after it saved its work. */
export class Interrupted extends TagmaskError {
  override readonly name = 'Interrupted'

  /** `where`: how far it came, as in "epoch 3, step 120". */
  constructor(where: string) {
    super(`stopped at ${where}`)
  }
}
