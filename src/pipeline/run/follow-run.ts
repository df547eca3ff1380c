/** @file The processes beside the first: they take part in the trainings of its run, and write nothing. Imports no torch. */
import { dirname } from 'node:path'
import { InputError } from '../../errors.ts'
import { silentLog } from '../../train/log.ts'
import type { Processes } from '../../train/parallel/processes.ts'
import type { Recipe } from '../recipe/schema.ts'
import { stagesOf } from '../stages/list.ts'
import { hashOf, type NextStage, type SharedRun } from './lead-stages.ts'
import { openRunData } from './open-data.ts'
import { runFolder } from './run-folder.ts'
import type { StageContext } from './stage.ts'

export interface FollowOptions {
  readonly processes: Processes
  /** Place among the processes of this machine: the GPU that it takes of several. */
  readonly localRank: number
  readonly signal: AbortSignal
}

/**
 * Takes part in the trainings until process 0 ends. Throws InputError when this process sees other images than process 0, and
 * Interrupted with it after an abort.
 */
export async function followRun({ processes, localRank, signal }: FollowOptions): Promise<void> {
  const shared = await processes.share<SharedRun>(notLeading)
  const recipe = onOwnDevice(shared.recipe, localRank)
  const log = silentLog()
  const { dataset, valDataset } = await openRunData(recipe, { runs: dirname(shared.root), log })
  if (hashOf(dataset) !== shared.images)
    throw new InputError(dataset.root, `process ${processes.rank} sees other images or tags than process 0`, {
      expected: 'all processes need the same data under the same path, such as on a shared disk',
    })
  const run = runFolder(shared.root)
  const context: StageContext = { recipe, dataset, valDataset, run, signal, log, processes }
  for (;;) {
    const { stage: name } = await processes.share<NextStage>(notLeading)
    const stage = stagesOf(recipe).find(one => one.name === name)
    if (stage === undefined) return
    const work = await stage.load()
    await work(context)
  }
}

function onOwnDevice(recipe: Recipe, localRank: number): Recipe {
  return recipe.device === 'cuda' ? { ...recipe, device: `cuda:${localRank}` } : recipe
}

function notLeading(): never {
  throw new RangeError('process 0 leads')
}
