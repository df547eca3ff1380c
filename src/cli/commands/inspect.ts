/** @file `tagmask inspect`: parameters, FLOPs and memory of the networks of a recipe or a run. */
import { buildCommand, type Command, numberParser } from '@stricli/core'
import { inspectTarget } from '../../pipeline/inspect/inspect.ts'
import { inspectionText } from '../../pipeline/inspect/inspection-text.ts'
import type { CliContext } from '../context.ts'
import { proposeRecipesAndRuns } from '../proposals.ts'
import { type OutputFlags, profileFlag, type RunFlags, runsFlag, setFlag } from '../run-flags.ts'

interface InspectFlags extends Pick<RunFlags, 'set' | 'runs'>, Pick<OutputFlags, 'profile'> {
  readonly size?: number
  readonly classes?: number
  readonly names?: boolean
}

const number = { kind: 'parsed', parse: numberParser, optional: true, placeholder: 'N' } as const

export const inspect: Command<CliContext> = buildCommand<InspectFlags, [string], CliContext>({
  docs: {
    brief: 'Parameters, FLOPs and memory of the networks of a recipe or a run',
    fullDescription: `Of a recipe or a run: each of its networks, built with random weights on the CPU. FLOPs are multiply-adds of matrix products
and convolutions for one image, counted as they run from the shapes of each operator. The memory of a training step is the
peak of steps that are run, on one image and on two of one tag each, with gradients and the optimiser's state. Nothing is written.
Files of weights: tagmask weights inspect.

Examples:
  tagmask inspect mctformer-v2_deit-s_voc12
  tagmask inspect mctformer-v2_deit-s_voc12 --size 448 --set refine.method=none --set segment=null
  tagmask inspect thirty --names`,
  },
  parameters: {
    flags: {
      size: { ...number, brief: 'Side of the images, pixels; default: of the training crop' },
      classes: { ...number, brief: 'Number of classes; default: those of the data set, or 20' },
      ...setFlag,
      names: {
        kind: 'boolean',
        optional: true,
        withNegated: false,
        brief: 'Also each tensor: name, type, shape',
      },
      ...runsFlag,
      ...profileFlag,
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          parse: value => value,
          placeholder: 'TARGET',
          brief: 'Recipe or run',
          proposeCompletions: proposeRecipesAndRuns,
        },
      ],
    },
  },
  async func({ size, classes, set, names = false, runs, profile }, target) {
    const log = this.openLog({ profile })
    const inspection = await inspectTarget(target, {
      side: size,
      numClasses: classes,
      ...(set !== undefined && { set }),
      runs,
      log,
    })
    this.process.stdout.write(`${inspectionText(inspection, { names })}\n`)
  },
})
