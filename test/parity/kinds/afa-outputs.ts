/** @file Parity of AFA's network with WeTr: all outputs in both modes, running statistics, multi-scale CAMs. */
import { z } from 'zod'
import { batchCams } from '../../../src/methods/afa/cams.ts'
import type { Afa } from '../../../src/methods/afa/model.ts'
import type { MixTransformer } from '../../../src/models/mit/index.ts'
import { fromData, noGrad, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { inputs } from './afa-encoder.ts'
import { afaConfig, afaWeights, createAfa, isAfa, pooledLogits } from './afa-network.ts'

export const afaOutputs: Kind = {
  name: 'AFA network',
  matches: content => isAfa(content, 'multi_scale_cam*'),
  check,
}

const config = afaConfig.extend({
  pooling: z.literal('gmp (cls) and gap (cls_gap)'),
  msc_scales: z.array(z.array(z.number())),
})
type Config = z.infer<typeof config>

async function check(fixture: Fixture, { device }: CheckOptions): Promise<Comparison[]> {
  const settings = parseConfig(fixture, config)
  const weights = await afaWeights(fixture)
  const run = <T>(pooling: 'max' | 'mean', body: (network: Afa) => T): T => {
    const network = createAfa(settings, { pooling })
    try {
      network.loadStateDict(weights)
      network.to(device)
      return noGrad(() => scope(() => body(network)))
    } finally {
      network.dispose()
    }
  }
  const single = inputs(fixture).flatMap(([name, data]) => {
    const images = (): Tensor => fromData(data).to({ device })
    return [
      ...run('max', network => compareOutputs(fixture, evaluated(network.eval(), name, images(), settings))),
      ...run('mean', network =>
        compareOutputs(
          fixture,
          new Map([[`eval.${name}.cls_gap`, network.eval().forward(images()).classLogits]]),
        ),
      ),
      ...run('max', network => compareOutputs(fixture, trained(network.train(), name, images()))),
    ]
  })
  const several = settings.msc_scales.flatMap((scales, k) =>
    run('max', network =>
      compareOutputs(
        fixture,
        multiScale(network.eval(), { name: `eval.msc${k}`, scales, images: given(fixture, device) }),
      ),
    ),
  )
  return [...single, ...several]
}

const given = (fixture: Fixture, device: string): Tensor =>
  fromData(tensorOf(fixture, 'in.msc')).to({ device })

function evaluated(network: Afa, name: string, images: Tensor, settings: Config): Map<string, Tensor> {
  const { classLogits, segLogits, affinity } = network.forward(images, { affinity: true })
  const encoder = network.encoder as MixTransformer
  const every = Array.from({ length: encoder.depth }, (_, i) => i)
  const { maps, factors } = encoder.forward(images, { factorsOf: every })
  return new Map([
    [`eval.${name}.cls`, classLogits],
    [`eval.${name}.seg`, segLogits],
    [`eval.${name}.attn_pred`, affinity!],
    [`eval.${name}.cam`, network.cams(images).cams],
    ...pooledLogits(factors, { stage1: maps[0] }, settings).map(
      (logits, block) => [`eval.${name}.attn${block}`, logits] as const,
    ),
  ])
}

function trained(network: Afa, name: string, images: Tensor): Map<string, Tensor> {
  const { classLogits, segLogits, affinity } = network.forward(images, { affinity: true })
  const { runningMean, runningVar } = network.decoder.linearFuse.bn
  return new Map<string, Tensor>([
    [`train.${name}.cls`, classLogits],
    [`train.${name}.seg`, segLogits],
    [`train.${name}.attn_pred`, affinity!],
    [`train.${name}.bn_mean`, runningMean],
    [`train.${name}.bn_var`, runningVar],
  ])
}

/** The original's affinity holds the flips, too: theirs comes from a pass of its own. */
function multiScale(
  network: Afa,
  { name, scales, images }: { name: string; scales: readonly number[]; images: Tensor },
): Map<string, Tensor> {
  const count = network.classifier.weight.size(0)
  const classes = Array.from({ length: images.size(0) }, () => Array.from({ length: count }, (_, c) => c))
  const { images: each, affinity } = batchCams(network, images, { classes, scales })
  const cams = ops.stack(each.map(({ cams }) => cams))
  const largest = Math.max(...scales)
  const size = images.shape.slice(2).map(side => Math.trunc(largest * side))
  const flipped = ops.upsampleBilinear2d(images, size, false).flip(-1)
  const { affinity: mirrored } = network.cams(flipped, { affinityOf: images.size(0) })
  return new Map([
    [`${name}.cam`, cams],
    [`${name}.cam_aff`, cams],
    [`${name}.aff_mat`, ops.cat([affinity!, mirrored!])],
  ])
}
