/** @file `tagmask report`: rewrites the report of a run. */
import { buildCommand, type Command } from '@stricli/core'
import { existingRunFolder, fromHere } from '../../pipeline/run/run-folder.ts'
import { runRecipe } from '../../pipeline/run/run-recipe.ts'
import type { CliContext } from '../context.ts'

export const report: Command<CliContext> = buildCommand<Readonly<Record<never, never>>, [string], CliContext>(
  {
    docs: {
      brief: 'Rewrite the report of a run',
      fullDescription: `Makes report.html, and the small images that it shows in report/, from the files of the run folder: all images with their
masks, by class, score and certainty; a slider for the threshold; scores, curves, examples stage by stage.

Examples:
  tagmask report runs/mctformer_demo`,
    },
    parameters: {
      positional: {
        kind: 'tuple',
        parameters: [{ parse: value => value, placeholder: 'RUN', brief: 'Folder of the run, as runs/NAME' }],
      },
    },
    async func(_, folder) {
      const { run } = await existingRunFolder(folder)
      await runRecipe({
        recipe: run.root,
        stages: ['report'],
        force: true,
        signal: this.signal,
        log: this.log,
      })
      this.log.info(`report: ${fromHere(run.report)}`)
    },
  },
)
