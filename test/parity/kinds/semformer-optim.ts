/** @file Parity of SemFormer's learning rates, parameter groups and SGD steps with tools/ai/optim_utils.py. */
import { z } from 'zod'
import { toFloat64Array } from '../../../src/io/tensor-data.ts'
import { Caae } from '../../../src/methods/semformer/caae.ts'
import { RATE_FACTORS, semformerGroups } from '../../../src/methods/semformer/groups.ts'
import { Semformer } from '../../../src/methods/semformer/model.ts'
import { type Module, Parameter } from '../../../src/nn/index.ts'
import { polySgdMomentum, polyStep, sgd } from '../../../src/optim/index.ts'
import { fromData, scope } from '../../../src/torch/index.ts'
import { TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { isSemformer } from './semformer-network.ts'

export const semformerOptim: Kind = {
  name: 'SemFormer learning rates and parameter groups',
  matches: content => isSemformer(content, 'PolyOptimizer'),
  check,
  inputs: [0, 1, 2, 3].map(i => `start.p${i}`),
}

const schedule = z.object({ lr: z.number(), max_step: z.int() })
const groups = z.array(z.array(z.string())).length(4)

const config = z.object({
  power: z.number(),
  nesterov: z.literal(true),
  group_lr: z.tuple([z.literal(1), z.literal(2), z.literal(10), z.literal(20)]),
  toy: schedule.extend({ wd: z.number(), steps: z.int() }),
  schedules: z.object({ caae: schedule, seg: schedule, aff: schedule }),
  param_groups_seg: groups,
  param_groups_caae: groups,
})
type Config = z.infer<typeof config>

const SIZES = {
  embedDim: 8,
  heads: 2,
  patchSize: 4,
  mlpRatio: 2,
  dropPath: 0,
  imageSize: 8,
  numClasses: 3,
  classDim: 4,
}

function check(fixture: Fixture): Comparison[] {
  const settings = parseConfig(fixture, config)
  const depth = (names: readonly string[][], prefix: string): number =>
    1 + Math.max(...names.flat().map(name => Number(name.split(`${prefix}blocks.`)[1]?.split('.')[0] ?? -1)))
  const { param_groups_seg: seg, param_groups_caae: caae } = settings
  const distilled = caae.flat().some(name => name.endsWith('dist_token')) ? { distilled: 2 } : {}
  const encoder = depth(caae, 'model.')
  const decoderDepth = depth(caae, 'decoder.')
  return [
    checkGroups('seg', new Semformer({ ...SIZES, depth: depth(seg, 'model.') }), seg),
    checkGroups(
      'caae',
      new Caae({ ...SIZES, depth: encoder, decoderWidth: 4, decoderDepth, ...distilled }),
      caae,
    ),
    ...(['caae', 'seg', 'aff'] as const).map(name => checkRates(fixture, name, settings)),
    ...checkSteps(fixture, settings),
  ]
}

function checkGroups(name: string, network: Module, wanted: readonly string[][]): Comparison {
  const sorted = (names: Iterable<string>): string => [...names].sort().join()
  const found = semformerGroups(network, { weightDecay: 5e-4 })
  network.dispose()
  const same = found.map(({ parameters }, i) => Number(sorted(parameters.keys()) === sorted(wanted[i]!)))
  return compareExact(`config.param_groups_${name}`, same, [1, 1, 1, 1])
}

/** AffinityNet's rates are in one column. */
function checkRates(
  fixture: Fixture,
  name: keyof Config['schedules'],
  { power, schedules }: Config,
): Comparison {
  const { lr, max_step: steps } = schedules[name]
  const rate = polyStep({ lr, steps, power })
  const factors = name === 'aff' ? [1] : RATE_FACTORS
  const at = [...toFloat64Array(tensorOf(fixture, `in.${name}.steps`))]
  const got = at.flatMap(step => factors.map(factor => rate(step) * factor))
  return compareFloat(`lr.${name}`, got, toFloat64Array(tensorOf(fixture, `lr.${name}`)), TOLERANCE.output)
}

/** Four parameters, one a group, over the toy run's steps. */
function checkSteps(fixture: Fixture, { toy, power }: Config): Comparison[] {
  return scope(() => {
    const parameters = RATE_FACTORS.map((_, i) => new Parameter(fromData(tensorOf(fixture, `start.p${i}`))))
    const own = parameters.map((parameter, i) => ({
      parameters: new Map([[`p${i}`, parameter]]),
      weightDecay: i % 2 === 0 ? toy.wd : 0,
      lrScale: RATE_FACTORS[i]!,
    }))
    const momentum = polySgdMomentum({ momentum: 0.9, weightDecay: toy.wd, momentumBug: true })
    const optimiser = sgd(own, { momentum, nesterov: true })
    const gradients = fromData(tensorOf(fixture, 'in.grad')) // [steps, groups, 3]
    const rate = polyStep({ lr: toy.lr, steps: toy.max_step, power })
    const lr: number[] = []
    const values: number[] = []
    for (let step = 0; step < toy.steps; step++) {
      for (const [i, parameter] of parameters.entries())
        parameter.grad = gradients.select(0, step).select(0, i).clone()
      optimiser.step(rate(step))
      lr.push(...RATE_FACTORS.map(factor => rate(step) * factor))
      for (const parameter of parameters) values.push(...parameter.toFloat32Array())
    }
    optimiser.dispose()
    for (const parameter of parameters) parameter.dispose()
    const float = (name: string, got: readonly number[]): Comparison =>
      compareFloat(name, got, toFloat64Array(tensorOf(fixture, name)), TOLERANCE.output)
    return [float('lr.toy', lr), float('out.param', values)]
  })
}
