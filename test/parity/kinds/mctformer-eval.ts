/** @file Parity of MCTformer's forward in eval mode: position embeddings, logits, CAMs, patch attention. */
import { z } from 'zod'
import type { AttentionType } from '../../../src/methods/combine-cams.ts'
import { mctformerCams } from '../../../src/methods/mctformer/maps.ts'
import type { Mctformer } from '../../../src/methods/mctformer/model.ts'
import { fromData, noGrad, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorsUnder } from '../fixture.ts'
import { weightsOf } from '../weights.ts'
import { isMctformer, networkConfig, patchAttention, withNetwork } from './mctformer-network.ts'

export const mctformerEval: Kind = {
  name: 'MCTformer in eval mode',
  matches: content =>
    isMctformer(content) && 'attention_types' in content.config && content.hasPrefix('eval.'),
  check,
}

const evalConfig = networkConfig.extend({
  n_layers: z.int().positive(),
  weights_file: z.string().optional(),
  /** V1 has one kind only. */
  attention_types: z.array(z.enum(['fused', 'patchcam', 'mct'])).nullable(),
})

async function check(fixture: Fixture, options: CheckOptions): Promise<Comparison[]> {
  const config = parseConfig(fixture, evalConfig)
  const inputs = tensorsUnder(fixture, 'in.')
  return withNetwork(config, await weightsOf(fixture, config.weights_file), options, network => {
    network.eval()
    return [...inputs].flatMap(([tag, data]) =>
      noGrad(() =>
        scope(() => {
          const images = fromData(data).to(options)
          const outputs = evalOutputs(network, images, {
            layers: config.n_layers,
            attentionTypes: config.attention_types ?? ['mct'],
          })
          const named = new Map([...outputs].map(([name, value]) => [`eval.${tag}.${name}`, value]))
          return compareOutputs(fixture, named)
        }),
      ),
    )
  })
}

interface EvalOptions {
  readonly layers: number
  readonly attentionTypes: readonly AttentionType[]
}

function evalOutputs(
  network: Mctformer,
  images: Tensor,
  { layers, attentionTypes }: EvalOptions,
): Map<string, Tensor> {
  const { classLogits, patchLogits } = network.forward(images)
  const { logits, affinity } = mctformerCams(network, images, { layers, refine: false, withAffinity: true })
  const outputs = new Map([
    ['pos_embed', network.positions(images)],
    ['x_cls_logits', classLogits],
    ['att_logits', logits],
    ['patch_attn', patchAttention(network, images)],
    ['patch_attn_sum', affinity!],
  ])
  if (patchLogits !== undefined) outputs.set('x_patch_logits', patchLogits)
  for (const attention of attentionTypes) {
    const { maps } = mctformerCams(network, images, { attention, layers, refine: false })
    outputs.set(`cams.${attention}`, network.variant === 'v1' ? flatMaps(maps) : maps)
  }
  return outputs
}

/** V1's maps: [B, C, h, w] -> [B, C, h*w] */
export function flatMaps(maps: Tensor): Tensor {
  return maps.reshape(maps.size(0), maps.size(1), -1)
}
