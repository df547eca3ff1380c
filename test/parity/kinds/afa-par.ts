/** @file Parity of PAR with wetr/PAR.py (`afa_par`): by the addon's kernel and by libtorch's operators. */
import { z } from 'zod'
import { par } from '../../../src/refine/par/index.ts'
import { parByOperators } from '../../../src/refine/par/operators.ts'
import { parParameters } from '../../../src/refine/par/parameters.ts'
import { fromData, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareTensor } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'

export const afaPar: Kind = {
  name: 'AFA pixel-adaptive refinement',
  matches: ({ source, has }) => /wetr\/PAR\.py/.test(source) && has('out.0.one'),
  check,
}

const config = z.object({
  dilations: z.array(z.int().positive()),
  w1: z.number(),
  w2: z.number(),
  cases: z.array(z.object({ iters: z.int().positive() })),
})

function check(fixture: Fixture, { device }: CheckOptions): Comparison[] {
  const { cases, ...parameters } = parseConfig(fixture, config)
  return cases.flatMap(({ iters }, i) =>
    scope(() => {
      const [images, masks] = ['image', 'mask'].map(name =>
        fromData(tensorOf(fixture, `in.${i}.${name}`)).to({ device }),
      ) as [Tensor, Tensor]
      const fitting = ops.upsampleBilinear2d(masks, [images.size(2), images.size(3)], true)
      return [
        { name: `out.${i}.mask`, iterations: iters },
        { name: `out.${i}.one`, iterations: 1 },
      ].flatMap(({ name, iterations }) => {
        const options = parParameters({ ...parameters, iterations }, fixture.path)
        const want = tensorOf(fixture, name)
        const byOperators = parByOperators(images, fitting, options)
        return [
          compareTensor(name, par(images, masks, options), want),
          { ...compareTensor(name, byOperators, want), tensor: `${name} by operators` },
        ]
      })
    }),
  )
}
