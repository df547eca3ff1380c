/** @file Gradients of a step against the golden ones, by parameter. */
import type { Tensor } from '../../src/torch/index.ts'
import { compareTensor, keyBias, TOLERANCE } from './compare-tensors.ts'
import { type Comparison, compareExact, mismatch } from './comparison.ts'
import { type Fixture, tensorsUnder } from './fixture.ts'

/** `grad.*` is complete: a parameter that it lacks must have no gradient. `grad<suffix>.*` is a selection. */
export function checkGradients(
  fixture: Fixture,
  parameters: ReadonlyMap<string, Tensor>,
  { suffix }: { suffix: string },
): Comparison[] {
  const wanted = tensorsUnder(fixture, `grad${suffix}.`)
  return [...parameters].flatMap(([parameter, { grad }]): Comparison[] => {
    const name = `grad${suffix}.${parameter}`
    const want = wanted.get(parameter)
    if (want !== undefined && grad !== undefined)
      return [compareTensor(name, grad, want, { tolerance: TOLERANCE.gradient, ...keyBias(parameter, want) })]
    if (want !== undefined) return [mismatch(name, 'has no gradient')]
    if (suffix !== '') return []
    if (grad !== undefined) return [mismatch(name, 'has a gradient, and none in the original')]
    return [{ ...compareExact(name, [], []), note: 'none, as in the original' }]
  })
}
