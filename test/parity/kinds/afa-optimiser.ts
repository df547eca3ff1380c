/** @file Parity of AFA's learning rates, parameter groups and AdamW steps with utils/optimizer.py. */
import { z } from 'zod'
import { toFloat64Array } from '../../../src/io/tensor-data.ts'
import { mitEncoder } from '../../../src/methods/afa/encoder.ts'
import { afaGroups } from '../../../src/methods/afa/groups.ts'
import { Afa } from '../../../src/methods/afa/model.ts'
import { mit } from '../../../src/models/mit/index.ts'
import { Parameter } from '../../../src/nn/index.ts'
import { adamw, type ParameterGroup, polyStep } from '../../../src/optim/index.ts'
import { fromData, scope } from '../../../src/torch/index.ts'
import { TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { isAfa } from './afa-network.ts'

export const afaOptimiser: Kind = {
  name: 'AFA learning rates and parameter groups',
  matches: content => isAfa(content, 'PolyWarmupAdamW'),
  check,
  inputs: [0, 1, 2, 3].map(i => `start.p${i}`),
}

const rates = z.object({
  warmup_iter: z.int(),
  warmup_ratio: z.number(),
  power: z.number(),
  max_iter: z.int(),
  betas: z.tuple([z.number(), z.number()]),
})

const script = rates.extend({ learning_rate: z.number() })

const config = z.object({
  voc: script,
  coco: script,
  adam_eps: z.number(),
  param_groups_mit_b1: z.array(z.array(z.string())),
  toy: rates.extend({
    lr: z.number(),
    weight_decay: z.array(z.number()),
    group_lr: z.array(z.number()),
    steps: z.int(),
  }),
})

function check(fixture: Fixture): Comparison[] {
  const settings = parseConfig(fixture, config)
  const network = new Afa({ encoder: mitEncoder(mit['mit-b1']), numClasses: 20 })
  try {
    const groups = afaGroups(network, { weightDecay: 0.01 })
    const sorted = (names: Iterable<string>): string => [...names].sort().join()
    const same = groups.map(({ parameters }, i) =>
      Number(sorted(parameters.keys()) === sorted(settings.param_groups_mit_b1[i]!)),
    )
    return [
      compareExact('config.param_groups_mit_b1', same, [1, 1, 1, 1]),
      ...(['voc', 'coco'] as const).map(name => checkRates(fixture, name, { run: settings[name], groups })),
      ...checkSteps(fixture, settings),
    ]
  } finally {
    network.dispose()
  }
}

function rateOf({ warmup_iter, warmup_ratio, power, max_iter }: z.infer<typeof rates>, lr: number) {
  return polyStep({ lr, steps: max_iter, power, warmupSteps: warmup_iter, warmupRatio: warmup_ratio })
}

function checkRates(
  fixture: Fixture,
  name: 'voc' | 'coco',
  { run, groups }: { run: z.infer<typeof script>; groups: readonly ParameterGroup[] },
): Comparison {
  const rate = rateOf(run, run.learning_rate)
  const steps = [...toFloat64Array(tensorOf(fixture, `in.${name}.steps`))]
  const got = steps.flatMap(step => groups.map(({ lrScale = 1 }) => rate(step) * lrScale))
  return compareFloat(`lr.${name}`, got, toFloat64Array(tensorOf(fixture, `lr.${name}`)), TOLERANCE.output)
}

/** Four parameters, one a group, over the toy run's steps. */
function checkSteps(fixture: Fixture, { toy, adam_eps: eps }: z.infer<typeof config>): Comparison[] {
  return scope(() => {
    const parameters = toy.group_lr.map((_, i) => new Parameter(fromData(tensorOf(fixture, `start.p${i}`))))
    const groups = parameters.map((parameter, i) => ({
      parameters: new Map([[`p${i}`, parameter]]),
      weightDecay: toy.weight_decay[i]!,
      lrScale: toy.group_lr[i]! / toy.lr,
    }))
    const optimiser = adamw(groups, { betas: toy.betas, eps })
    const gradients = fromData(tensorOf(fixture, 'in.grad')) // [steps, groups, 3]
    const rate = rateOf(toy, toy.lr)
    const lr: number[] = []
    const values: number[] = []
    for (let step = 0; step < toy.steps; step++) {
      for (const [i, parameter] of parameters.entries())
        parameter.grad = gradients.select(0, step).select(0, i).clone()
      optimiser.step(rate(step))
      lr.push(...groups.map(({ lrScale }) => rate(step) * lrScale))
      for (const parameter of parameters) values.push(...parameter.toFloat32Array())
    }
    optimiser.dispose()
    for (const parameter of parameters) parameter.dispose()
    const float = (name: string, got: readonly number[]): Comparison =>
      compareFloat(name, got, toFloat64Array(tensorOf(fixture, name)), TOLERANCE.output)
    return [float('lr.toy', lr), float('out.param', values)]
  })
}
