/** @file What process 0 of several tells the others of its run, and which recipes they can share. Imports no torch. */
import { createHash } from 'node:crypto'
import type { Dataset } from '../../data/dataset.ts'
import { InputError } from '../../errors.ts'
import type { Processes } from '../../train/parallel/processes.ts'
import { methodOf } from '../recipe/method.ts'
import type { Recipe } from '../recipe/schema.ts'
import { stagesOf } from '../stages/list.ts'
import type { RunFolder } from './run-folder.ts'
import type { Stage, StageDefinition, StageName } from './stage.ts'

/** The run that the others take part in. */
export interface SharedRun {
  readonly recipe: Recipe
  /** Its folder. */
  readonly root: string
  /** Hash of the images, their order and tags: all processes must see the same. */
  readonly images: string
}

/** The stage whose trainings come next; null at the end. */
export interface NextStage {
  readonly stage: StageName | null
}

/** Before the first stage: the folder is there, data and weights are in their places. */
export async function startStages(
  processes: Processes,
  { recipe, run: { root }, dataset }: { recipe: Recipe; run: RunFolder; dataset: Dataset },
): Promise<void> {
  await processes.share<SharedRun>(() => ({ recipe, root, images: hashOf(dataset) }))
}

/** `load` for runStages: works that the others take part in where they train. */
export function leadStages(processes: Processes): (stage: StageDefinition) => Promise<Stage> {
  return async stage => {
    const work = await stage.load()
    if (stage.trainings === undefined) return work
    return async context => {
      await processes.share<NextStage>(() => ({ stage: stage.name }))
      await work(context)
    }
  }
}

/** The others need not wait any longer. */
export async function endStages(processes: Processes): Promise<void> {
  await processes.share<NextStage>(() => ({ stage: null }))
}

export function hashOf({ classes, samples }: Dataset): string {
  const images = samples.map(({ id, tags }) => [id, tags])
  return createHash('sha256')
    .update(JSON.stringify([classes, images]))
    .digest('hex')
}

/** Throws InputError where a batch cannot be divided, or a method's losses see images of other processes. */
export function refuseUndivided(
  recipe: Recipe,
  { stages, processes }: { stages: readonly StageName[]; processes: number },
): void {
  const planned = stagesOf(recipe).filter(({ name }) => stages.includes(name))
  for (const { section, batchSize } of planned.flatMap(({ trainings }) => trainings?.(recipe) ?? [])) {
    if (batchSize % processes === 0) continue
    const fitting = Math.max(1, Math.round(batchSize / processes)) * processes
    throw new InputError(
      `${section}.batchSize`,
      `is ${batchSize}, which ${processes} processes cannot share`,
      {
        expected: `it is the batch of all processes together: a multiple of ${processes}, such as ${fitting}`,
      },
    )
  }
  const reason = stages.includes('train') ? methodOf(recipe).alone?.(recipe) : undefined
  if (reason === undefined) return
  throw new InputError('method', `${recipe.method} does not train in several processes: ${reason.why}`, {
    expected: reason.remedy,
  })
}
