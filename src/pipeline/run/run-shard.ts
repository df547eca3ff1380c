/**
 * @file Makes a part of the images of one stage, beside other processes that make the others. The first of them begins the stage; none
 * marks it done: that is left to the stage itself, which completes what is missing. Imports no torch.
 */
import type { Dataset } from '../../data/dataset.ts'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import type { Log } from '../../train/log.ts'
import { checkShard, ofShard, type Shard, shardOf, shardText } from '../images/shard.ts'
import type { Recipe } from '../recipe/schema.ts'
import { STAGES, withStagesBefore } from '../stages/list.ts'
import { fromHere, makeFolder, type RunFolder } from './run-folder.ts'
import { lockPlace } from './run-lock.ts'
import { notDone, openSources, refuseAbsent, sayDone, sayingTime } from './run-stages.ts'
import { lockShard, type ShardLockOptions } from './shard-lock.ts'
import { Interrupted, type Stage, type StageContext, type StageDefinition, type StageName } from './stage.ts'
import { type InputSources, imagesOf } from './stage-inputs.ts'
import { readMarker, type StageMarker } from './stage-marker.ts'
import { type StageState, stageState } from './stage-state.ts'
import { beginStage } from './stage-work.ts'

export interface RunShardOptions extends Pick<ShardLockOptions, 'lease'> {
  readonly recipe: Recipe
  readonly run: RunFolder
  readonly dataset: Dataset
  readonly valDataset?: Dataset | undefined
  readonly stage: StageName
  readonly shard: Shard
  /** Prepares the run folder before the stage begins: called by the first shard alone. */
  readonly open: () => Promise<unknown>
  /** Loads the work of a stage. */
  readonly load?: (stage: StageDefinition) => Promise<Stage>
  readonly signal: AbortSignal
  readonly log: Log
}

/** What a shard has done. */
export interface ShardDone {
  readonly stage: StageName
  readonly shard: Shard
  /** Its images, and those of all shards. */
  readonly images: number
  readonly total: number
  /** Ids of those of its images that could not be used. */
  readonly lost: readonly string[]
  /** Whether the stage is done as a whole, so that there was nothing to do. */
  readonly done: boolean
}

/**
 * Throws InputError when the stage or the recipe allows no shards, when a stage before it is not done, when the stage must be
 * begun anew while other shards are at work, and as `lockShard`; Interrupted after an abort.
 */
export async function runShard(options: RunShardOptions): Promise<ShardDone> {
  const { recipe, run, dataset, valDataset, stage: name, shard: part, signal, log } = options
  const stage = refuseUnsharded(options)
  const shard = { ...part, ...(stage.shards?.block !== undefined && { block: stage.shards.block }) }
  const context: StageContext = { recipe, dataset, valDataset, run, signal, log }
  const sources = { made: new Map<StageName, StageMarker>(), keep: false }
  const inputs = await openSources(context, { stages: [name], ...sources })
  for (const one of withStagesBefore([name], recipe)) {
    if (one === stage) continue
    const state = await stageState(run, one, inputs)
    if (state.todo !== 'done') throw notDone(run, one.name, state)
    sources.made.set(one.name, state.marker!)
  }
  const images = partOf(stage, inputs, shard)
  const release = await joinStage(stage, { ...options, inputs, context })
  if (release === undefined) return { stage: name, shard: part, ...images, lost: [], done: true }
  try {
    if (signal.aborted) throw new Interrupted(`the start of ${ofShard(name, shard)}`)
    const work = await (options.load ?? (one => one.load()))(stage)
    const lost = new Set<string>()
    const onLost = ({ id }: { readonly id: string }): void => void lost.add(id)
    log.info(
      `${ofShard(name, shard)}: ${images.images.toLocaleString('en-US')} of ${count(images.total, 'image')}`,
    )
    await sayingTime(name, { log, shard }, () => work({ ...context, shard, onLost }))
    return { stage: name, shard: part, ...images, lost: [...lost], done: false }
  } finally {
    await release()
  }
}

/** Throws InputError for a stage that is not made in shards, or not with this recipe. */
function refuseUnsharded({
  recipe,
  run,
  stage: name,
  shard,
}: Pick<RunShardOptions, 'recipe' | 'run' | 'stage' | 'shard'>): StageDefinition {
  checkShard(shard)
  refuseAbsent(run, recipe, [name])
  const stage = STAGES.find(one => one.name === name)
  if (stage?.shards === undefined)
    throw new InputError('--shard', `the stage ${name} is not made in shards`, { expected: whichAre() })
  const obstacle = stage.shards.obstacle?.(recipe)
  if (obstacle === undefined) return stage
  const { key, problem, expected } = obstacle
  throw new InputError('--shard', `the stage ${name} is not made in shards where ${key} ${problem}`, {
    expected,
  })
}

/** "maps, refine and predict are" made in shards. */
export function whichAre(): string {
  const names = STAGES.filter(({ shards }) => shards !== undefined).map(({ name }) => name)
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)} are`
}

/** What the last line of a shard says. */
export function shardDoneText(
  { stage, shard, images, total, lost, done }: ShardDone,
  run: RunFolder,
): string {
  const then = `tagmask ${stage} ${fromHere(run.root)}`
  if (done) return `${stage} is done as a whole: nothing is left for shard ${shardText(shard)}`
  const but = lost.length === 0 ? '' : `, but for ${lost.length} that could not be used`
  return `shard ${shardText(shard)} of ${stage}: ${images.toLocaleString('en-US')} of ${count(total, 'image')}${but}; when all shards are done, run: ${then}`
}

/** The numbers of its images, and of all. */
function partOf(
  stage: StageDefinition,
  inputs: InputSources,
  shard: Shard,
): Pick<ShardDone, 'images' | 'total'> {
  const all = imagesOf(stage, inputs)
  const splits = [...new Set(all.map(({ split }) => split))]
  const own = splits.map(
    name =>
      shardOf(
        all.filter(({ split }) => split === name),
        shard,
      ).length,
  )
  return { images: own.reduce((sum, n) => sum + n, 0), total: all.length }
}

/**
 * Takes the lock of the shard. A stage that runs on the same inputs is joined and nothing shared is written; else it is begun.
 * Undefined where the stage is done.
 */
async function joinStage(
  stage: StageDefinition,
  {
    run,
    shard,
    open,
    lease,
    signal,
    log,
    inputs,
    context,
  }: RunShardOptions & { inputs: InputSources; context: StageContext },
): Promise<(() => Promise<void>) | undefined> {
  const { name } = stage
  for (;;) {
    const state = await stageState(run, stage, inputs)
    if (state.todo === 'done') {
      sayDone(name, state, log)
      return undefined
    }
    await makeFolder(run.root)
    const locks = { work: name, shard, lease, signal, onDoubt: (sentence: string) => log.info(sentence) }
    const release = await lockShard(lockPlace(run), locks, async others => {
      const marker = await readMarker(run, name)
      if (!sameMoment(marker, state.marker)) return false // another began it meanwhile: look again
      if (state.todo === 'resume' && marker?.state === 'running') return true
      const busy = await others.busy()
      if (busy !== undefined) throw cannotBegin(name, state, busy)
      await open()
      await beginStage(stage, { context, state, sources: inputs, force: false })
      return true
    })
    if (release !== undefined) return release
  }
}

function sameMoment(a: StageMarker | undefined, b: StageMarker | undefined): boolean {
  return a?.state === b?.state && a?.id === b?.id && a?.revision === b?.revision
}

function cannotBegin(stage: StageName, { why }: StageState, busy: InputError): InputError {
  const since = why === undefined ? '' : `, since ${why}`
  return new InputError(busy.file, `the stage ${stage} must be begun anew${since}, and ${busy.problem}`, {
    expected: 'wait for it, or start every shard with the same recipe and data',
  })
}
