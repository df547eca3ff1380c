/** @file Parity of MCTformer's learning rates, parameter groups and first AdamW steps with timm 0.4.12. */
import { z } from 'zod'
import { toFloat64Array } from '../../../src/io/tensor-data.ts'
import { mctformerLosses, noDecay } from '../../../src/methods/mctformer/index.ts'
import type { Mctformer } from '../../../src/methods/mctformer/model.ts'
import { adamw, cosineEpoch, decayGroups } from '../../../src/optim/index.ts'
import { backward, fromData, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareTensor, keyBias } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import {
  type CheckOptions,
  type Fixture,
  type Kind,
  parseConfig,
  tensorOf,
  tensorsUnder,
} from '../fixture.ts'
import { createNetwork, modelName, networkConfig, weightsOf, withNetwork } from './mctformer-network.ts'

export const mctformerSchedule: Kind = {
  name: 'MCTformer schedule and optimiser',
  matches: ({ config, source, hasPrefix }) =>
    /^MCTformer/.test(source) && 'runs' in config && hasPrefix('lr.'),
  check,
}

const RATE_TOLERANCE = 1e-12 // a few operations in float64 on both sides

const sizes = networkConfig.omit({ model: true })

const scheduleConfig = z.object({
  runs: z.record(
    z.string(),
    z.object({
      model: modelName,
      model_config: sizes,
      epochs: z.int().positive(),
      base_lr_after_linear_scaling: z.number(),
      warmup_lr: z.number(),
      warmup_epochs: z.int().nonnegative(),
      min_lr: z.number(),
      groups: z.array(
        z.object({
          weight_decay: z.number(),
          eps: z.literal(1e-8),
          betas: z.tuple([z.literal(0.9), z.literal(0.999)]),
          params: z.array(z.string()),
        }),
      ),
    }),
  ),
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
  return [...Object.entries(runs).flatMap(([name, run]) => checkRun(fixture, name, run)), ...trajectory]
}

function checkRun(fixture: Fixture, name: string, run: Run): Comparison[] {
  const rates = tensorOf(fixture, `lr.${name}`)
  const rate = cosineEpoch({
    lr: run.base_lr_after_linear_scaling,
    epochs: run.epochs,
    warmupEpochs: run.warmup_epochs,
    warmupLr: run.warmup_lr,
    minLr: run.min_lr,
  })
  const network = createNetwork({ ...run.model_config, model: run.model })
  try {
    const weightDecay = Math.max(...run.groups.map(group => group.weight_decay))
    const groups = decayGroups(network, { weightDecay, noDecay })
    const [epochs = 0] = rates.shape
    const expected = Array.from({ length: epochs }, (_, epoch) =>
      groups.map(({ lrScale = 1 }) => rate(epoch) * lrScale),
    )
    const at = `config.runs.${name}.groups`
    return [
      compareFloat(`lr.${name}`, expected.flat(), toFloat64Array(rates), RATE_TOLERANCE),
      compareExact(
        `${at}.weight_decay`,
        groups.map(group => group.weightDecay),
        run.groups.map(group => group.weight_decay),
      ),
      ...groups.map((group, i) => {
        const [ours, theirs] = [new Set(group.parameters.keys()), new Set(run.groups[i]?.params)]
        const strays = [...ours, ...theirs].filter(entry => ours.has(entry) !== theirs.has(entry))
        return { ...compareExact(`${at}.${i}.params`, [strays.length], [0]), note: strays.join(', ') }
      }),
    ]
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
