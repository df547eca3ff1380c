/** @file `tagmask report`: rewrites the report of a run. */
import { buildCommand, type Command } from '@stricli/core'
import { findRun } from '../../pipeline/run/find-run.ts'
import { existingRunFolder, fromHere } from '../../pipeline/run/run-folder.ts'
import { runRecipe } from '../../pipeline/run/run-recipe.ts'
import { watchRun } from '../../pipeline/stages/report/live-report.ts'
import type { CliContext } from '../context.ts'
import { proposeRuns } from '../proposals.ts'
import {
  dataFlags,
  type OutputFlags,
  outputFlags,
  overridesOf,
  type RunFlags,
  runsFlag,
} from '../run-flags.ts'

interface ReportFlags extends Pick<RunFlags, 'data' | 'runs'>, OutputFlags {
  readonly watch?: boolean
}

export const report: Command<CliContext> = buildCommand<ReportFlags, [string], CliContext>({
  docs: {
    brief: 'Rewrite the report of a run',
    fullDescription: `Makes report.html, and the small images that it shows in report/, from the files of the run folder: all images with their
masks, by class, score and certainty; a slider for the threshold; scores, curves, examples stage by stage.

Examples:
  tagmask report mctformer_demo
  tagmask report mctformer_demo --watch      (from another terminal, while it is trained)
  tagmask report other-runs/thirty --data /mnt/voc-mini`,
  },
  parameters: {
    flags: {
      data: dataFlags.data,
      ...runsFlag,
      watch: {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Rewrite it while the run goes on, until that is done',
      },
      ...outputFlags,
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          parse: value => value,
          placeholder: 'RUN',
          brief: 'Name or folder of a run',
          proposeCompletions: proposeRuns,
        },
      ],
    },
  },
  async func(flags, target) {
    const log = this.openLog(flags)
    const { run } = await existingRunFolder(await findRun(target, flags))
    if (flags.watch) {
      const onPage = (): void =>
        log.info(`live report: ${fromHere(run.report)} (Ctrl-C ends this, not the run)`)
      const done = await watchRun(run.root, { signal: this.signal, onPage })
      if (done)
        log.tell(`report: ${fromHere(run.report)}`, { run: fromHere(run.root), report: fromHere(run.report) })
      return
    }
    await runRecipe({
      recipe: run.root,
      stages: ['report'],
      overrides: overridesOf(flags),
      force: true,
      signal: this.signal,
      log,
    })
    const report = fromHere(run.report)
    log.tell(`report: ${report}`, { run: fromHere(run.root), report })
  },
})
