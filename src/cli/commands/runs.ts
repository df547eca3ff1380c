/** @file `tagmask runs`: lists, compares and removes run folders. */
import { relative, resolve, sep } from 'node:path'
import { buildCommand, buildRouteMap, type RouteMap } from '@stricli/core'
import { InputError } from '../../errors.ts'
import { count } from '../../io/count.ts'
import { nearestName } from '../../nearest-name.ts'
import { findRun, runNames } from '../../pipeline/run/find-run.ts'
import { fromHere } from '../../pipeline/run/run-folder.ts'
import { compareRuns, comparisonText } from '../../pipeline/runs/compare-runs.ts'
import { listRuns } from '../../pipeline/runs/list-runs.ts'
import { planRemoval, type Removal, removeRun } from '../../pipeline/runs/remove-run.ts'
import { formatBytes, someNames } from '../../pipeline/runs/run-files.ts'
import { runsText } from '../../pipeline/runs/runs-text.ts'
import type { CliContext } from '../context.ts'
import { proposeRuns } from '../proposals.ts'
import { type RunFlags, runsFlag } from '../run-flags.ts'

type PlaceFlags = Pick<RunFlags, 'runs'>
interface ListFlags extends PlaceFlags {
  readonly json?: boolean
}
interface RemoveFlags extends PlaceFlags {
  readonly yes?: boolean
}

const COMMANDS = ['list', 'compare', 'remove']

const json = {
  json: { kind: 'boolean', optional: true, withNegated: false, brief: 'As one JSON object, for programs' },
} as const
const names = {
  kind: 'array',
  minimum: 1,
  parameter: {
    parse: (value: string) => value,
    placeholder: 'RUN',
    brief: 'Name or folder of a run',
    proposeCompletions: proposeRuns,
  },
} as const

const list = buildCommand<ListFlags, string[], CliContext>({
  docs: {
    brief: 'List runs: how far they are, scores, size, date; newest first',
    fullDescription: `Every run folder below --runs, also those of ablations (ablate-NAME/VARIANT-seedN). The state is done, the next stage, or
the stage that runs or was stopped. With --json each run has all its stages, scores and the recipe it was started with.

Examples:
  tagmask runs
  tagmask runs ablate-demo/
  tagmask runs --runs /mnt/runs --json`,
  },
  parameters: {
    flags: { ...runsFlag, ...json },
    positional: {
      kind: 'array',
      parameter: {
        parse: value => value,
        placeholder: 'BEGINNING',
        brief: 'Only runs whose names begin so',
        proposeCompletions: proposeRunsCommand,
      },
    },
  },
  async func({ runs, json = false }, ...beginnings) {
    for (const beginning of beginnings) await refuseNothing(beginning, runs)
    const found = await listRuns(runs, { beginnings })
    const where = `${fromHere(resolve(runs))}${sep}`
    this.process.stdout.write(`${json ? JSON.stringify(found, null, 2) : runsText(found, { where })}\n`)
  },
})

const compare = buildCommand<ListFlags, string[], CliContext>({
  docs: {
    brief: 'Recipe keys in which runs differ, and their scores side by side',
    fullDescription: `Differences of scores are those to the first run. Keys that cannot change a result (device, threads) are only named.

Examples:
  tagmask runs compare thirty sixty
  tagmask runs compare ablate-demo/baseline-seed0 ablate-demo/unet-seed0 --json`,
  },
  parameters: { flags: { ...runsFlag, ...json }, positional: names },
  async func({ runs, json = false }, ...targets) {
    const roots = await Promise.all(targets.map(target => findRun(target, { runs })))
    const comparison = await compareRuns(
      roots.map((root, i) => ({ root, name: shortName(targets[i]!, { root, runs }) })),
    )
    this.process.stdout.write(`${json ? JSON.stringify(comparison, null, 2) : comparisonText(comparison)}\n`)
  },
})

const remove = buildCommand<RemoveFlags, string[], CliContext>({
  docs: {
    brief: 'Remove run folders; files that no stage made stay',
    fullDescription: `Removes what tagmask made in a run folder (one with its mark, tagmask-run.json) in which no process works. Files of yours in it are
named and stay. Says how much there is and asks first; without a terminal --yes is needed.

Examples:
  tagmask runs remove thirty
  tagmask runs remove first-try second-try --yes`,
  },
  parameters: {
    flags: {
      ...runsFlag,
      yes: { kind: 'boolean', optional: true, withNegated: false, brief: 'Do not ask' },
    },
    positional: names,
  },
  async func({ runs, yes = false }, ...targets) {
    const roots = await Promise.all(targets.map(target => findRun(target, { runs })))
    const plans = await Promise.all([...new Set(roots)].map(planRemoval))
    for (const plan of plans) this.log.info(planText(plan))
    if (!yes) {
      if (this.confirm === undefined)
        throw new InputError('--yes', 'is not given, and there is no terminal to ask on', {
          expected: 'nothing was removed; add --yes',
        })
      const what = plans.length === 1 ? 'this run' : `these ${plans.length} runs`
      if (!(await this.confirm(`remove ${what}?`))) {
        this.log.info('nothing was removed')
        return
      }
    }
    for (const plan of plans) {
      await removeRun(plan)
      const rest = plan.others.length === 0 ? '' : `; ${count(plan.others.length, 'file')} of yours stay`
      this.log.info(`removed ${fromHere(plan.run.root)}${rest}`)
    }
  },
})

/** A command of `runs`, whose place a beginning takes, or a run. */
async function proposeRunsCommand(partial: string): Promise<string[]> {
  return [...COMMANDS.filter(name => name.startsWith(partial)), ...(await proposeRuns(partial))]
}

/** Throws InputError for a beginning of no run, which may be a slip of the fingers. */
async function refuseNothing(beginning: string, runs: string): Promise<void> {
  const there = await runNames(runs)
  if (there.some(name => name.startsWith(beginning))) return
  const near = nearestName(beginning, [...COMMANDS, ...there])
  throw new InputError(beginning, 'no run has a name that begins so, and no command of runs is called so', {
    expected: near === undefined ? 'tagmask runs lists them' : `did you mean ${near}?`,
  })
}

function planText({ run, ours, bytes, others }: Removal): string {
  const size = `${fromHere(run.root)}: ${formatBytes(bytes)} in ${count(ours.length, 'file')}`
  if (others.length === 0) return size
  return `${size}\n  kept, since no stage made ${others.length === 1 ? 'it' : 'them'}: ${someNames(others)}`
}

/** The name in the folder of all runs, where the run is there. */
function shortName(target: string, { root, runs }: { root: string; runs: string }): string {
  const inside = relative(resolve(runs), root)
  return inside.startsWith('..') ? target : inside
}

export const runs: RouteMap<CliContext> = buildRouteMap({
  routes: { list, compare, remove },
  defaultCommand: 'list',
  docs: {
    brief: 'List, compare and remove runs',
    fullDescription: `Without a command: list.

Examples:
  tagmask runs
  tagmask runs compare thirty sixty
  tagmask runs remove thirty`,
  },
})
