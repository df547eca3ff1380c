/** @file Parity of CTI's network: every output of plain and infused passes, at several sizes. */
import { z } from 'zod'
import type { TensorData } from '../../../src/io/tensor-data.ts'
import { ctiCams } from '../../../src/methods/cti/maps.ts'
import type { Cti } from '../../../src/methods/cti/model.ts'
import { fromData, noGrad, scope, type Tensor, tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import { type Comparison, compareExact } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { weightsOf } from '../weights.ts'
import { ctiConfig, ctiOutputs, isCti, type PassOptions, withCti } from './cti-network.ts'

export const ctiModel: Kind = {
  name: 'CTI network',
  matches: content => isCti(content, 'MCTformerV2_CTI'),
  check,
}

const config = ctiConfig.extend({
  swap_idx: z.int(),
  weights: z.literal('procedural').optional(),
  shapes: z.record(z.string(), z.array(z.int())).optional(),
})

async function check(fixture: Fixture, { device }: CheckOptions): Promise<Comparison[]> {
  const settings = parseConfig(fixture, config)
  const stored = settings.weights === undefined ? await weightsOf(fixture) : undefined
  const weights = (network: Cti): ReadonlyMap<string, TensorData | Tensor> => stored ?? procedural(network)
  return withCti(settings, weights, { device }, network => [
    ...shapesOf(network, settings.shapes),
    ...noGrad(() => scope(() => passes(network, fixture, { index: settings.swap_idx, device }))),
  ])
}

/** The inputs of each call of the original. */
function passes(
  network: Cti,
  fixture: Fixture,
  { index, device }: CheckOptions & { index: number },
): Comparison[] {
  const given = (name: string): Tensor | undefined =>
    fixture.tensors.has(name) ? fromData(tensorOf(fixture, name)).to({ device }) : undefined
  const x = given('in.x')!
  const call = (name: string, images: Tensor, options: PassOptions): Comparison[] => {
    network.train(name.startsWith('train.'))
    const outputs = [...ctiOutputs(network, images, options)]
    return compareOutputs(fixture, new Map(outputs.map(([key, value]) => [`${name}.${key}`, value])))
  }
  const [foreground, all] = [given('in.ctk_fg'), given('in.ctk_all')]
  const sizes = [...fixture.tensors.keys()].filter(name => name.startsWith('in.rect'))
  return [
    ...call('train.plain', x, {}),
    ...call('train.idx', x, { index }),
    ...(foreground === undefined ? [] : call('train.infuse_fg', x, { given: foreground, index })),
    ...(all === undefined ? [] : call('train.infuse_all', x, { given: all, index })),
    ...call('eval.plain', x, {}),
    ...sizes.flatMap(name => call(name.replace('in.', 'eval.'), given(name)!, {})),
    ...['in.x', ...sizes].flatMap(name => {
      const rcam = ctiCams(network.eval(), given(name)!)
      return compareOutputs(fixture, new Map([[`eval.rcam${name === 'in.x' ? '_x' : name.slice(7)}`, rcam]]))
    }),
  ]
}

/** Weights by the rule in the files' README. */
function procedural(network: Cti): Map<string, Tensor> {
  return new Map(
    [...network.stateDict()].map(([name, { shape }]) => {
      const count = shape.reduce((product, extent) => product * extent, 1)
      const start = 0.11 * (new TextEncoder().encode(name).reduce((sum, byte) => sum + byte, 0) % 1000)
      const isWeight = name.endsWith('weight')
      const norm = isWeight && shape.length === 1
      const scale = isWeight && !norm ? Math.sqrt(2 / (count / shape[0]!)) : 0.1
      const values = Float32Array.from(
        { length: count },
        (_, k) => (norm ? 1 : 0) + scale * Math.sin(0.37 * k + start),
      )
      return [name, tensor(values, shape)]
    }),
  )
}

/** Names and shapes of the original, where the file has no weights. */
function shapesOf(network: Cti, shapes: Readonly<Record<string, readonly number[]>> = {}): Comparison[] {
  const own = network.stateDict()
  return Object.entries(shapes).map(([name, shape]) =>
    compareExact(`config.shapes.${name}`, own.get(name)?.shape ?? [], shape),
  )
}
