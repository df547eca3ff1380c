/** @file The command line as stricli sees it: commands, version, texts. */
import { type Application, buildApplication, buildRouteMap } from '@stricli/core'
import { packageVersion } from '../io/package-root.ts'
import { ablate } from './commands/ablate.ts'
import { demo } from './commands/demo.ts'
import { doctor } from './commands/doctor.ts'
import { predict } from './commands/predict.ts'
import { refine } from './commands/refine.ts'
import { report } from './commands/report.ts'
import { affinity, evaluate, maps, run, segment, train } from './commands/run.ts'
import { setup } from './commands/setup.ts'
import type { CliContext } from './context.ts'
import { applicationText, exitCodeOf } from './messages.ts'

const routes = {
  run,
  train,
  maps,
  evaluate,
  affinity,
  refine,
  segment,
  predict,
  ablate,
  report,
  demo,
  setup,
  doctor,
}

/** The application `tagmask`. */
export const app: Application<CliContext> = buildApplication(
  buildRouteMap<keyof typeof routes, CliContext>({
    routes,
    docs: {
      brief: 'From image tags to pixel masks',
      fullDescription: `tagmask - weakly supervised semantic segmentation: from picture tags to pixel masks

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
