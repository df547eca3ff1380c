/** @file Parity of the mix transformer with AFA's mix_transformer.py: stage maps and the logits of every block. */
import type { TensorData } from '../../../src/io/tensor-data.ts'
import { MixTransformer } from '../../../src/models/mit/index.ts'
import { fromData, noGrad, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorsUnder } from '../fixture.ts'
import { weightsOf } from '../weights.ts'
import { afaConfig, isAfa, mitOptions, pooledLogits } from './afa-network.ts'

export const afaEncoder: Kind = {
  name: 'AFA encoder',
  matches: content => isAfa(content, 'MixVisionTransformer'),
  check,
}

async function check(fixture: Fixture, { device }: CheckOptions): Promise<Comparison[]> {
  const config = parseConfig(fixture, afaConfig)
  const network = new MixTransformer(mitOptions(config))
  try {
    network.loadStateDict(await weightsOf(fixture))
    network.to(device).eval()
    return inputs(fixture).flatMap(([name, data]) =>
      noGrad(() =>
        scope(() => {
          const every = Array.from({ length: network.depth }, (_, i) => i)
          const { maps, factors } = network.forward(fromData(data).to({ device }), { factorsOf: every })
          const logits = pooledLogits(factors, { stage1: maps[0] }, config)
          return compareOutputs(
            fixture,
            new Map<string, Tensor>([
              ...maps.map((map, stage) => [`eval.${name}.stage${stage + 1}`, map] as const),
              ...logits.map((map, block) => [`eval.${name}.attn${block}`, map] as const),
            ]),
          )
        }),
      ),
    )
  } finally {
    network.dispose()
  }
}

/** `in.x<i>`, as x<i>. */
export function inputs(fixture: Fixture): [string, TensorData][] {
  return [...tensorsUnder(fixture, 'in.')].filter(([name]) => /^x\d+$/.test(name))
}
