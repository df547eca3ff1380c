/** @file Parity of MCTformer's learning rates, parameter groups and first AdamW steps with timm 0.4.12. */
import { z } from 'zod'
import { toFloat64Array } from '../../../src/io/tensor-data.ts'
import { mctformerLosses } from '../../../src/methods/mctformer/index.ts'
import type { Mctformer } from '../../../src/methods/mctformer/model.ts'
import { noDecay } from '../../../src/models/vit/index.ts'
import { adamw, decayGroups } from '../../../src/optim/index.ts'
import { backward, fromData, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareTensor, keyBias } from '../compare-tensors.ts'
import { type Comparison, compareFloat } from '../comparison.ts'
import {
  type CheckOptions,
  type Fixture,
  type Kind,
  parseConfig,
  tensorOf,
  tensorsUnder,
} from '../fixture.ts'
import { checkRun, timmRun, weightDecayOf } from '../groups.ts'
import { weightsOf } from '../weights.ts'
import { createNetwork, modelName, networkConfig, withNetwork } from './mctformer-network.ts'

export const mctformerSchedule: Kind = {
  name: 'MCTformer schedule and optimiser',
  matches: ({ config, source, hasPrefix }) =>
    /^MCTformer/.test(source) && 'runs' in config && hasPrefix('lr.'),
  check,
}

const sizes = networkConfig.omit({ model: true })

const scheduleConfig = z.object({
  runs: z.record(z.string(), timmRun.extend({ model: modelName, model_config: sizes })),
  steps: z.object({
    model: modelName,
    model_config: sizes,
    lr: z.number(),
    weight_decay: z.number(),
    opt: z.literal('adamw'),
    eps: z.number(),
    betas: z.tuple([z.number(), z.number()]),
  }),
})
type Config = z.infer<typeof scheduleConfig>
type Run = Config['runs'][string]

async function check(fixture: Fixture, options: CheckOptions): Promise<Comparison[]> {
  const { runs, steps } = parseConfig(fixture, scheduleConfig)
  const weights = await weightsOf(fixture)
  const trajectory = await withNetwork(
    { ...steps.model_config, model: steps.model },
    weights,
    options,
    network => checkTrajectory(network, fixture, { steps, ...options }),
  )
  return [...Object.entries(runs).flatMap(([name, run]) => checkGroups(fixture, name, run)), ...trajectory]
}

function checkGroups(fixture: Fixture, name: string, run: Run): Comparison[] {
  const network = createNetwork({ ...run.model_config, model: run.model })
  try {
    const groups = decayGroups(network, { weightDecay: weightDecayOf(run), noDecay })
    return checkRun(fixture, name, { run, groups })
  } finally {
    network.dispose()
  }
}

interface Trajectory extends CheckOptions {
  readonly steps: Config['steps']
}

function checkTrajectory(
  network: Mctformer,
  fixture: Fixture,
  { steps: { lr, weight_decay, betas, eps }, device }: Trajectory,
): Comparison[] {
  const groups = decayGroups(network.train(), { weightDecay: weight_decay, noDecay })
  const optimiser = adamw(groups, { betas, eps })
  const wanted = toFloat64Array(tensorOf(fixture, 'loss.steps'))
  const comparisons: Comparison[] = []
  const losses = Array.from(wanted, (_, step) =>
    scope(() => {
      const load = (name: string): Tensor => fromData(tensorOf(fixture, `in.${name}.${step}`)).to({ device })
      const { total } = mctformerLosses(network.forward(load('images')), load('targets'))
      backward(total)
      optimiser.step(lr)
      optimiser.zeroGrad()
      comparisons.push(...compareParameters(fixture, network, step + 1))
      return total.item()
    }),
  )
  for (const average of optimiser.state().tensors.values()) average.dispose()
  return [compareFloat('loss.steps', losses, wanted, 1e-4), ...comparisons]
}

/** `step<taken>.*`, where the file has them. */
function compareParameters(fixture: Fixture, network: Mctformer, taken: number): Comparison[] {
  const parameters = network.parameters()
  return [...tensorsUnder(fixture, `step${taken}.`)].flatMap(([parameter, want]) => {
    const got = parameters.get(parameter)
    if (got === undefined) return []
    return [compareTensor(`step${taken}.${parameter}`, got, want, keyBias(parameter, want))]
  })
}
