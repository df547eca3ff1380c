/** @file The four parameter groups of both networks (core/abc_modules.py, get_parameter_groups; train_caae.py, train_semformer.py). */
import type { Module, Parameter } from '../../nn/index.ts'
import type { ParameterGroup } from '../../optim/index.ts'

/** Factors on the learning rate: weights of the DeiT, its biases, tokens and positions; other weights; other biases and tokens. */
export type RateFactors = readonly [number, number, number, number]

export const RATE_FACTORS: RateFactors = [1, 2, 10, 20]

/** By names: those with `weight` decay, norms included. */
export function semformerGroups(
  network: Module,
  { weightDecay, factors = RATE_FACTORS }: { weightDecay: number; factors?: RateFactors },
): ParameterGroup[] {
  const all = [...network.parameters()]
  return factors.map((lrScale, index) => {
    const [pretrained, decays] = [index < 2, index % 2 === 0]
    const own = all.filter(
      ([name]) => /model|backbone/.test(name) === pretrained && name.includes('weight') === decays,
    )
    return { parameters: new Map<string, Parameter>(own), weightDecay: decays ? weightDecay : 0, lrScale }
  })
}
