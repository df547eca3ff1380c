/** @file Gradients and steps of a training against a file that keeps every n-th value of each parameter (`sample_stride`). */
import { toFloat32Array } from '../../src/io/tensor-data.ts'
import type { Module } from '../../src/nn/index.ts'
import { everyNth, TOLERANCE } from './compare-tensors.ts'
import { type Comparison, compareFloat, mismatch } from './comparison.ts'
import { type Fixture, tensorsUnder } from './fixture.ts'

/** n for each parameter. */
export type Strides = Readonly<Record<string, number>>

/** `grad.*` is complete: a parameter that it lacks must have no gradient. */
export function compareGradients(fixture: Fixture, network: Module, strides: Strides): Comparison[] {
  const wanted = tensorsUnder(fixture, 'grad.')
  const parameters = network.parameters()
  const absent = [...wanted.keys()].filter(name => !parameters.has(name))
  return [
    ...absent.map(name => mismatch(`grad.${name}`, 'no such parameter')),
    ...[...parameters].flatMap(([name, { grad }]): Comparison[] => {
      const want = wanted.get(name)
      if (want === undefined)
        return grad === undefined
          ? []
          : [mismatch(`grad.${name}`, 'has a gradient, and none in the original')]
      if (grad === undefined) return [mismatch(`grad.${name}`, 'has no gradient')]
      const got = everyNth(grad, strides[name] ?? 1)
      return [compareFloat(`grad.${name}`, got, toFloat32Array(want), TOLERANCE.gradient)]
    }),
  ]
}

/** Every n-th current value of each parameter that the file names. */
export function sampledParameters(network: Module, strides: Strides): Map<string, Float32Array> {
  const parameters = [...network.parameters()].filter(([name]) => name in strides)
  return new Map(parameters.map(([name, parameter]) => [name, everyNth(parameter, strides[name]!)]))
}

/** `delta.*`: the change between two samplings. */
export function compareSteps(
  fixture: Fixture,
  before: ReadonlyMap<string, Float32Array>,
  after: ReadonlyMap<string, Float32Array>,
): Comparison[] {
  return [...tensorsUnder(fixture, 'delta.')].map(([name, want]) => {
    const [from, to] = [before.get(name), after.get(name)]
    if (from === undefined || to === undefined) return mismatch(`delta.${name}`, 'no such parameter')
    const change = to.map((value, i) => value - from[i]!)
    return compareFloat(`delta.${name}`, change, toFloat32Array(want), TOLERANCE.gradient)
  })
}
