/** @file `tagmask run`, `train`, `maps`, `evaluate`, `affinity`, `segment`: one command over all stages, and one for each. */
import { readFile } from 'node:fs/promises'
import { buildCommand, type Command } from '@stricli/core'
import { fromHere } from '../../pipeline/run-folder.ts'
import { runRecipe } from '../../pipeline/run-recipe.ts'
import { Interrupted, type StageName } from '../../pipeline/stage.ts'
import { stageTable } from '../../pipeline/stages/index.ts'
import type { CliContext } from '../context.ts'
import { overridesOf, type RunFlags, runFlags } from '../run-flags.ts'

interface StageCommandOptions {
  /** All of the recipe when not given. */
  readonly stages?: readonly StageName[]
  readonly brief: string
  /** Paragraphs and examples under --help. */
  readonly description: string
}

const RECIPE_TEXT = `RECIPE is a recipe file, the name of a bundled recipe (ls recipes/), or the folder of a run to take up again.
Every key of a recipe is explained in docs/recipes.md; any of them can be set with --set.`

function stageCommand({ stages, brief, description }: StageCommandOptions): Command<CliContext> {
  return buildCommand<RunFlags, [string], CliContext>({
    docs: {
      brief,
      customUsage: ['RECIPE --data DIR [--weights FILE] [--set KEY=VALUE]... [flags]', 'runs/NAME [flags]'],
      fullDescription: `${description}\n\n${RECIPE_TEXT}`,
    },
    parameters: {
      flags: runFlags,
      positional: {
        kind: 'tuple',
        parameters: [
          { parse: value => value, placeholder: 'RECIPE', brief: 'Recipe file, bundled name, or run folder' },
        ],
      },
    },
    async func(flags, recipe) {
      await runWithFlags(this, flags, recipe, stages)
    },
  })
}

/** Runs stages as the flags say; ends with the table and the report, or tells how to go on after Ctrl-C. */
export async function runWithFlags(
  { log, signal }: CliContext,
  flags: RunFlags,
  recipe: string,
  stages?: readonly StageName[],
): Promise<void> {
  const { set = [], name, runs, force = false, 'resume-with-changes': withChanges = false } = flags
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
      withChanges,
      table: stageTable,
      signal,
      log,
    }
    const { run, stages: asked, worked } = await runRecipe(options)
    const tables: [StageName, string][] = [
      ['evaluate', run.scoresTable],
      ['refine', run.refineTable],
      ['predict', run.predictionTable],
    ]
    for (const [stage, file] of tables) {
      if (!asked.includes(stage) || worked.includes(stage)) continue
      const table = await readFile(file, 'utf8').catch(() => undefined) // refine may have scored nothing
      if (table !== undefined) log.info(table)
    }
    if (asked.includes('report')) log.info(`report: ${fromHere(run.report)}`)
  } catch (error) {
    if (error instanceof Interrupted) log.info(howToGoOn({ force }))
    throw error
  }
}

/** What to do after Ctrl-C. */
export function howToGoOn({ force }: { force: boolean }): string {
  return force
    ? 'go on with the same command without --force: it takes up what is there, and with --force it would start again'
    : 'go on with the same command: it takes up what is there'
}

export const run = stageCommand({
  brief: 'All stages of a recipe: tags in, masks out',
  description: `Trains on picture tags, makes class maps, scores them where masks exist, and writes a report.
Everything goes into runs/NAME/; the resolved recipe is written first. A stage that is done is skipped, one that was
interrupted is taken up where it stopped.

Examples:
  tagmask run mctformer-v2_deit-s_voc12 --data VOCdevkit/VOC2012 --weights deit_small_patch16_224.safetensors
  tagmask run recipes/mctformer-v2_deit-ti_voc-mini.yaml --data voc-mini --weights deit_tiny.safetensors --set train.epochs=30 --name thirty
  tagmask run runs/thirty                      (take up an interrupted run)
  tagmask run my.yaml --data photos --set model.width='{embedDim: 96, depth: 3, heads: 3}' --set maps.scales='[1, 0.5]'`,
})

export const train = stageCommand({
  stages: ['train'],
  brief: 'Train the network of a recipe from picture tags',
  description: `Writes checkpoints/ and metrics.jsonl into the run folder. Ctrl-C ends after the step, with a checkpoint; the same
command goes on from there and ends with the same weights as a run never stopped.

Examples:
  tagmask train mctformer-v2_deit-ti_voc-mini --data voc-mini --weights deit_tiny.safetensors
  tagmask train my.yaml --data photos --device cuda --precision bf16 --seed 1 --name seed1`,
})

export const maps = stageCommand({
  stages: ['maps'],
  brief: 'Make class maps with the trained network of a run',
  description: `Writes maps/ID.safetensors for each tagged picture. Needs the stage train of the same run.

Examples:
  tagmask maps runs/mctformer-v2_deit-ti_voc-mini
  tagmask maps runs/thirty --set maps.layers=6 --resume-with-changes`,
})

export const evaluate = stageCommand({
  stages: ['evaluate'],
  brief: 'Score the class maps of a run against masks',
  description: `Tries every background threshold in one pass; writes scores.json and scores.txt, and masks/ at the best one.
Needs the stage maps of the same run, and masks in the data set.

Examples:
  tagmask evaluate runs/thirty
  tagmask evaluate runs/thirty --set evaluate.split=val --resume-with-changes`,
})

export const affinity = stageCommand({
  stages: ['affinity'],
  brief: 'Train the AffinityNet of a run from its class maps',
  description: `Writes affinity/ (labels, the maps twice through the dense CRF, and checkpoints) and affinity-metrics.jsonl. Ctrl-C ends
after the step, with a checkpoint; the same command goes on from there. Then: tagmask refine.
Needs the stages before it in the same run, and refine.method affinity in the recipe.

Examples:
  tagmask affinity runs/thirty
  tagmask affinity runs/voc --set affinity.backbone=resnet38 --set affinity.weights=res38_cls.pth --device cuda`,
})

export const segment = stageCommand({
  stages: ['segment'],
  brief: 'Train the segmentation network of a run from its pseudo masks',
  description: `Writes segment/ and segment-metrics.jsonl into the run folder. Pictures without a pseudo mask are named and left out.
Ctrl-C ends after the step, with a checkpoint; the same command goes on from there. Then: tagmask predict.
Needs the stages before it in the same run, and a section segment in the recipe.

Examples:
  tagmask segment runs/mctformer_demo
  tagmask segment runs/thirty --set segment.epochs=20 --resume-with-changes
  tagmask segment runs/voc --set segment.backbone=resnet38 --set segment.weights=res38_cls.pth --device cuda`,
})
