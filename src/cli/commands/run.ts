/** @file `tagmask run` over all stages, and a command for each of them. */
import { readFile } from 'node:fs/promises'
import { buildCommand, type Command } from '@stricli/core'
import { shardText } from '../../pipeline/images/shard.ts'
import { planText } from '../../pipeline/plan/plan-text.ts'
import type { RunPlan } from '../../pipeline/plan/run-plan.ts'
import { fromHere } from '../../pipeline/run/run-folder.ts'
import { runRecipe } from '../../pipeline/run/run-recipe.ts'
import { shardDoneText } from '../../pipeline/run/run-shard.ts'
import { Interrupted, type StageFlag, type StageName } from '../../pipeline/run/stage.ts'
import { readRunScores, scoreLines } from '../../pipeline/runs/run-scores.ts'
import { STAGES } from '../../pipeline/stages/list.ts'
import { processPlace } from '../../train/parallel/environment.ts'
import type { Processes } from '../../train/parallel/processes.ts'
import type { CliContext } from '../context.ts'
import { proposeRecipesAndRuns } from '../proposals.ts'
import { flagsOfAll, flagsOfStage, overridesOf, type StageFlags } from '../run-flags.ts'

interface StageCommandOptions {
  /** All stages of the recipe when not given. */
  readonly stages?: readonly StageName[]
  readonly brief: string
  /** Paragraphs and examples under --help. */
  readonly description: string
  /** Without, it has every flag. */
  readonly flags?: readonly StageFlag[]
}

const RECIPE_TEXT = `RECIPE is a recipe file, the name of a bundled recipe (tagmask recipes), or a run to resume: its folder, or its name (tagmask
runs). docs/recipes.md explains every key; --set sets any of them.`

function stageCommand({ stages, brief, description, flags: own }: StageCommandOptions): Command<CliContext> {
  const weights = own === undefined || own.includes('weights') ? ' [--weights FILE]' : ''
  return buildCommand<StageFlags, [string], CliContext>({
    docs: {
      brief,
      customUsage: [`RECIPE --data DIR${weights} [--set KEY=VALUE]... [flags]`, 'RUN [flags]'],
      fullDescription: `${description}\n\n${RECIPE_TEXT}`,
    },
    parameters: {
      flags: own === undefined ? flagsOfAll() : flagsOfStage(own),
      positional: {
        kind: 'tuple',
        parameters: [
          {
            parse: value => value,
            placeholder: 'RECIPE',
            brief: 'Recipe file, bundled name, or run',
            proposeCompletions: proposeRecipesAndRuns,
          },
        ],
      },
    },
    async func(flags, recipe) {
      await runWithFlags(this, flags, recipe, stages)
    },
  })
}

/** Runs stages by the flags; ends with the scores and the report, or says how to resume after Ctrl-C. */
export async function runWithFlags(
  context: CliContext,
  flags: StageFlags,
  recipe: string,
  stages?: readonly StageName[],
): Promise<void> {
  const place = processPlace(context.process.env ?? {})
  const dryRun = flags['dry-run'] ?? false
  // shards share nothing while they work, also as the tasks of one srun
  if (place === undefined || flags.shard !== undefined) return runHere(context, flags, { recipe, stages })
  if (dryRun) return place.rank === 0 ? runHere(context, flags, { recipe, stages }) : undefined
  const { joinProcesses } = await import('../../train/parallel/processes.ts')
  const processes = await joinProcesses(place)
  return processes.during(async () => {
    if (place.rank === 0) return runHere(context, flags, { recipe, stages, processes })
    const { followRun } = await import('../../pipeline/run/follow-run.ts')
    return followRun({ processes, localRank: place.localRank, signal: context.signal })
  })
}

interface RunChoice {
  readonly recipe: string
  readonly stages: readonly StageName[] | undefined
  /** Others share its trainings. */
  readonly processes?: Processes
}

/** The one process, or the first of several. */
async function runHere(
  { openLog, signal }: CliContext,
  flags: StageFlags,
  { recipe, stages, processes }: RunChoice,
): Promise<void> {
  const log = openLog(flags)
  const { set = [], name, runs, force = false, 'resume-with-changes': withChanges = false, shard } = flags
  const dryRun = flags['dry-run'] ?? false
  const tellPlan = (plan: RunPlan): void =>
    dryRun ? log.tell(planText(plan, { alone: true }), { plan }) : log.info(planText(plan))
  try {
    const overrides = overridesOf(flags)
    const options = {
      recipe,
      set,
      overrides,
      runs,
      name,
      stages,
      force,
      shard,
      withChanges,
      ...((dryRun || stages === undefined) && { onPlan: tellPlan }),
      dryRun,
      live: flags.report ?? false,
      processes,
      signal,
      log,
    }
    const { run, stages: selected, worked, shard: part } = await runRecipe(options)
    if (dryRun) return
    if (part !== undefined) {
      const { images, total, lost } = part
      const result = {
        run: fromHere(run.root),
        stages: selected,
        worked,
        shard: shardText(part.shard),
        images,
        total,
        lost,
      }
      log.tell(shardDoneText(part, run), result)
      return
    }
    for (const { name: stage, table: tableOf } of STAGES) {
      if (tableOf === undefined || !selected.includes(stage) || worked.includes(stage)) continue
      const table = await readFile(tableOf(run), 'utf8').catch(() => undefined) // refine may have scored nothing
      if (table !== undefined) log.info(table)
    }
    const scores = await readRunScores(run)
    const report = selected.includes('report') ? fromHere(run.report) : null
    const masks = selected.includes('result') ? fromHere(run.result) : null
    const lines = [
      ...scoreLines(scores),
      ...(report === null ? [] : [`report: ${report}`]),
      ...(masks === null ? [] : [`masks: ${masks}`]),
    ]
    if (lines.length === 0) lines.push(`run folder: ${fromHere(run.root)}`)
    log.tell(lines.join('\n'), { run: fromHere(run.root), stages: selected, worked, scores, report, masks })
  } catch (error) {
    if (error instanceof Interrupted) log.tell(howToResume({ force }))
    throw error
  }
}

/** How to resume after Ctrl-C. */
export function howToResume({ force }: { force: boolean }): string {
  return force
    ? 'resume with the same command without --force; with --force it would start again'
    : 'resume with the same command'
}

export const run = stageCommand({
  brief: 'All stages of a recipe: tags in, masks out',
  description: `Trains on image tags, makes CAMs, scores them where masks exist, and writes a report.
Everything goes into runs/NAME/; the resolved recipe is written first. Stages that are done are skipped, an
interrupted one resumes where it stopped. With --json each line of the output is an object with its time and one of
{level, text}, {stage, state} at the begin and the end of a stage, {progress} at most every 10 s, and at the end {result}.

Examples:
  tagmask run mctformer-v2_deit-s_voc12 --data VOCdevkit/VOC2012 --weights deit_small_patch16_224.safetensors
  tagmask run recipes/mctformer-v2_deit-ti_voc-mini.yaml --data voc-mini --weights deit_tiny.safetensors --set train.epochs=30 --name thirty
  tagmask run photos_cpu --data photos --weights deit_tiny.safetensors --dry-run      (what it would do, how long, how large; a
                                               demo's images are made all the same)
  tagmask run mctformer_demo --report          (open runs/mctformer_demo/report.html and see it learn)
  tagmask run thirty                           (resume an interrupted run)
  tagmask run my.yaml --data photos --set model.width='{embedDim: 96, depth: 3, heads: 3}' --set maps.scales='[1, 0.5]'`,
})

/** A command for each stage that has a help text; the others have commands of their own. */
export const stageCommands: Readonly<Record<string, Command<CliContext>>> = Object.fromEntries(
  STAGES.flatMap(({ name, command }) =>
    command === undefined ? [] : [[name, stageCommand({ stages: [name], ...command })]],
  ),
)
