/** @file Parity of the PolyOptimizers of psa/ and seg/: learning rates, and parameters after SGD steps (`psa_seg_schedules`). */
import { z } from 'zod'
import { toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import { Parameter } from '../../../src/nn/index.ts'
import { polySgdMomentum, polyStep, sgd } from '../../../src/optim/index.ts'
import { scope, tensor } from '../../../src/torch/index.ts'
import { TOLERANCE } from '../compare-tensors.ts'
import { type Comparison, compareExact, compareFloat, mismatch } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'

export const psaSegSchedules: Kind = {
  name: 'PSA and segmentation schedules',
  matches: ({ source, has }) => /PolyOptimizer/.test(source) && has('in.grads'),
  check,
}

const RATE_TOLERANCE = 1e-12 // a few operations in float64 on both sides

const groupConfig = z.object({ momentum: z.number(), weight_decay: z.number() })

const scheduleConfig = z.object({
  max_step: z.int().positive(),
  steps: z.int().positive(),
  lr: z.number(),
  wd: z.number(),
  power: z.number(),
  'psa.PolyOptimizer': z.array(groupConfig).length(3),
  'seg.PolyOptimizer': z.array(groupConfig).length(3),
  'seg.PolyOptimizer_cls': z.array(groupConfig).length(3),
})
type Config = z.infer<typeof scheduleConfig>

const OPTIMISERS = ['psa.PolyOptimizer', 'seg.PolyOptimizer', 'seg.PolyOptimizer_cls'] as const
type OptimiserName = (typeof OPTIMISERS)[number]

const LR_SCALES = [1, 2, 10] // of the three groups

function check(fixture: Fixture): Comparison[] {
  const config = parseConfig(fixture, scheduleConfig)
  const momentum = polySgdMomentum({ momentum: 0.9, weightDecay: config.wd, momentumBug: true })
  return OPTIMISERS.flatMap(name => {
    const rates = LR_SCALES.map(scale => rateOf(name, scale, config))
    const expected = Array.from({ length: config.steps }, (_, step) => rates.map(rate => rate(step)))
    const given = config[name].map(group => group.momentum)
    return [
      compareFloat(
        `lr.${name}`,
        expected.flat(),
        toFloat64Array(tensorOf(fixture, `lr.${name}`)),
        RATE_TOLERANCE,
      ),
      compareExact(
        `config.${name}.momentum`,
        given.map(() => momentum),
        given,
      ),
      checkParameters(fixture, name, { rates: expected, momentum, config }),
    ]
  })
}

/** seg's first class, which nothing uses, decays twice, and starts the second time at 7e-4 whatever the group. */
function rateOf(
  name: OptimiserName,
  scale: number,
  { lr, max_step, power }: Config,
): (step: number) => number {
  if (name !== 'seg.PolyOptimizer') return polyStep({ lr: lr * scale, steps: max_step, power })
  const half = max_step / 2
  const first = polyStep({ lr: lr * scale, steps: half, power })
  const second = polyStep({ lr: 7e-4, steps: half, power })
  return step => (step < half ? first(step) : second(step - half))
}

function checkParameters(
  fixture: Fixture,
  name: OptimiserName,
  { rates, momentum, config }: { rates: readonly number[][]; momentum: number; config: Config },
): Comparison {
  const [parameters, gradients] = ['in.params', 'in.grads'].map(from => tensorOf(fixture, from))
  const [, rows, columns] = gradients!.shape as [number, number, number]
  const start = toFloat32Array(parameters!)
  const given = toFloat32Array(gradients!)
  if (rows !== LR_SCALES.length) return mismatch(`final.${name}`, `${rows} parameters for 3 groups`)
  return scope(() => {
    const final = config[name].flatMap(({ weight_decay }, row) => {
      const parameter = new Parameter(tensor(start.slice(row * columns, (row + 1) * columns)))
      const group = { parameters: new Map([['p', parameter]]), weightDecay: weight_decay }
      const optimiser = sgd([group], { momentum })
      for (let step = 0; step < config.steps; step++) {
        const from = (step * rows + row) * columns
        parameter.grad = tensor(given.slice(from, from + columns))
        optimiser.step(rates[step]![row]!)
      }
      const values = [...parameter.toFloat32Array()]
      for (const average of optimiser.state().tensors.values()) average.dispose()
      parameter.dispose()
      return values
    })
    return compareFloat(
      `final.${name}`,
      final,
      toFloat32Array(tensorOf(fixture, `final.${name}`)),
      TOLERANCE.output,
    )
  })
}
