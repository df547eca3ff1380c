/** @file Parity of WeakTr's forward in eval mode: logits, CAMs of every kind, fused patch attention. */
import { z } from 'zod'
import type { AttentionType } from '../../../src/methods/combine-cams.ts'
import { forwardKeeping, spreadCams, weaktrCams } from '../../../src/methods/weaktr/maps.ts'
import type { Weaktr } from '../../../src/methods/weaktr/model.ts'
import { fromData, noGrad, scope, type Tensor, tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorsUnder } from '../fixture.ts'
import { weightsOf } from '../weights.ts'
import { isWeaktr, networkConfig, withNetwork } from './weaktr-network.ts'

export const weaktrEval: Kind = {
  name: 'WeakTr in eval mode',
  matches: content => isWeaktr(content) && content.hasPrefix('eval.') && !('scales' in content.config),
  check,
}

const ATTENTION_TYPES = ['fused', 'mct', 'patchcam'] as const satisfies readonly AttentionType[]

const evalConfig = networkConfig.extend({ weights_file: z.string().optional() })

async function check(fixture: Fixture, options: CheckOptions): Promise<Comparison[]> {
  const config = parseConfig(fixture, evalConfig)
  const weights = await weightsOf(fixture, config.weights_file)
  return withNetwork(config, weights, options, network =>
    [...tensorsUnder(fixture, 'in.')].flatMap(([tag, data]) =>
      noGrad(() =>
        scope(() => {
          const outputs = evalOutputs(network.eval(), fromData(data).to(options))
          const named = new Map([...outputs].map(([name, value]) => [`eval.${tag}.${name}`, value]))
          return compareOutputs(fixture, named)
        }),
      ),
    ),
  )
}

function evalOutputs(network: Weaktr, images: Tensor): Map<string, Tensor> {
  const { classLogits, coarseLogits, fineLogits } = network.forward(images)
  return new Map([
    ['cls_token_pred', classLogits],
    ['coarse_cam_pred', coarseLogits],
    ['fine_cam_pred', fineLogits],
    ['patch_attn', fusedPatchAttention(network, images)],
    ...ATTENTION_TYPES.map((attention): [string, Tensor] => [
      `cams.${attention}`,
      weaktrCams(network, images, { attention, refine: false }).maps,
    ]),
  ])
}

/** P [1, B, h*w, h*w], which ours never makes: column by column, from its effect on maps of single patches. */
function fusedPatchAttention(network: Weaktr, images: Tensor): Tensor {
  const { rows, columns } = network.grid(images)
  const patches = rows * columns
  const { output, projections } = forwardKeeping(network, images)
  const batch = images.size(0)
  const identity = Float32Array.from({ length: patches ** 2 }, (_, i) => (i % (patches + 1) === 0 ? 1 : 0))
  const single = tensor(identity, [1, patches, rows, columns]).to({ device: images.device })
  return spreadCams(single.expand(batch, -1, -1, -1), { projections, headWeights: output.headWeights })
    .reshape(1, batch, patches, patches)
    .transpose(2, 3)
}
