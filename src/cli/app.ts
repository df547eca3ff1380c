/** @file The command line as stricli sees it: commands, version, texts. */
import { type Application, buildApplication, buildRouteMap, type Command, type RouteMap } from '@stricli/core'
import { packageVersion } from '../io/package-root.ts'
import { STAGES } from '../pipeline/stages/list.ts'
import { ablate } from './commands/ablate.ts'
import { completion } from './commands/completion.ts'
import { data } from './commands/data.ts'
import { demo } from './commands/demo.ts'
import { doctor } from './commands/doctor.ts'
import { exportCommand } from './commands/export.ts'
import { inspect } from './commands/inspect.ts'
import { launch } from './commands/launch.ts'
import { predict } from './commands/predict.ts'
import { recipes } from './commands/recipes.ts'
import { refine } from './commands/refine.ts'
import { report } from './commands/report.ts'
import { run, stageCommands } from './commands/run.ts'
import { runs } from './commands/runs.ts'
import { setup } from './commands/setup.ts'
import { weights } from './commands/weights.ts'
import type { CliContext } from './context.ts'
import { applicationText, exitCodeOf } from './messages.ts'

/** A command for each stage, in the order in which they run, and others. */
const routes: Readonly<Record<string, Command<CliContext> | RouteMap<CliContext>>> = {
  run,
  ...Object.fromEntries(STAGES.map(({ name }) => [name, stageCommands[name]])),
  refine,
  predict,
  report,
  export: exportCommand,
  ablate,
  launch,
  data,
  recipes,
  runs,
  inspect,
  weights,
  demo,
  setup,
  doctor,
  completion,
}

/** The application `tagmask`. */
export const app: Application<CliContext> = buildApplication(
  buildRouteMap<string, CliContext>({
    routes,
    docs: {
      brief: 'From image tags to pixel masks',
      fullDescription: `tagmask - weakly supervised semantic segmentation: from image tags to pixel masks

Examples:
  tagmask demo
  tagmask run mctformer-v2_deit-s_voc12 --data VOCdevkit/VOC2012 --weights deit_small_patch16_224.safetensors
  tagmask run --help`,
    },
  }),
  {
    name: 'tagmask',
    versionInfo: { currentVersion: packageVersion() },
    documentation: { onlyRequiredInUsageLine: true },
    localization: { text: applicationText(Object.keys(routes)) },
    determineExitCode: exitCodeOf,
  },
)
