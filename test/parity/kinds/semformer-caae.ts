/** @file Parity of the class-aware autoencoder with train_caae.py: one step for each reduction, and its evaluation. */
import { z } from 'zod'
import { bestThresholdPrecision } from '../../../src/evaluate/index.ts'
import { toFloat32Array, toFloat64Array } from '../../../src/io/tensor-data.ts'
import type { Caae, Reduction } from '../../../src/methods/semformer/caae.ts'
import { caaeLosses } from '../../../src/methods/semformer/caae-losses.ts'
import { semformerGroups } from '../../../src/methods/semformer/groups.ts'
import { polySgdMomentum, sgd } from '../../../src/optim/index.ts'
import { backward, fromData, noGrad, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs, compareTensor } from '../compare-tensors.ts'
import { type Comparison, compareFloat } from '../comparison.ts'
import { type Fixture, type Kind, parseConfig, tensorOf, tensorsUnder } from '../fixture.ts'
import { checkGradients } from '../gradients.ts'
import { allowRounding } from '../rounding.ts'
import { autoencoderConfig, createCaae, isSemformer } from './semformer-network.ts'

export const semformerCaae: Kind = {
  name: 'SemFormer autoencoder',
  matches: content => isSemformer(content, 'train_caae.py'),
  check: fixture => allowRounding(fixture, check(fixture)),
}

const config = autoencoderConfig.extend({
  classes_with_background: z.int().positive(),
  mlp_ratio: z.literal(4),
  encoder_norm_eps: z.literal(1e-6),
  decoder_norm_eps: z.literal(1e-5),
  re_convert_norm_eps: z.literal(1e-5),
  cosine: z.object({ normalize_eps: z.literal(1e-8), clamp: z.literal(1e-4) }),
  sim_weight: z.literal(1),
  recon_weight: z.literal(1),
})

const [LR, WEIGHT_DECAY] = [0.025, 5e-4] // published, of the step

function check(fixture: Fixture): Comparison[] {
  const settings = parseConfig(fixture, config)
  return (['sum', 'mean', 'max'] as const).flatMap(reduction => {
    const numClasses = settings.classes_with_background
    const network = createCaae(fixture, settings, { numClasses, prefix: 'weights.', reduction })
    try {
      return scope(() => checkStep(fixture, network.train(), reduction))
    } finally {
      network.dispose()
    }
  })
}

function checkStep(fixture: Fixture, network: Caae, reduction: Reduction): Comparison[] {
  const given = (name: string): Tensor => fromData(tensorOf(fixture, `in.${name}`))
  const [images, present] = [given('images'), given('labels')]
  const { backbone } = network
  const outputs = noGrad(() => {
    const { primaryTokens, embeddings, decoderTokens, reconstruction } = network.forward(images)
    const semantics = network.semantics().expand(images.size(0), -1, -1)
    const [batch, patches] = primaryTokens.shape as [number, number]
    return new Map([
      [`train.${reduction}.cre`, embeddings],
      [`train.${reduction}.sim`, network.similarities(embeddings, present)],
      [`train.${reduction}.token`, backbone.tokens(images)],
      [`train.${reduction}.cls_embed`, primaryTokens],
      [`train.${reduction}.re_token`, decoderTokens],
      [`train.${reduction}.output`, reconstruction],
      [`train.${reduction}.crs`, semantics],
      ...(reduction === 'sum'
        ? ([
            ['eval.cre', network.embeddings(images)],
            ['eval.cre_grid', primaryTokens.reshape(batch, patches, network.numClasses, -1)],
            ['eval.crs', semantics],
          ] as const)
        : []),
    ])
  })
  const { total, parts } = caaeLosses(network, { images, present })
  outputs.set(`loss.${reduction}.total`, total.reshape(1))
  outputs.set(`loss.${reduction}.sim`, parts['similarity loss']!.reshape(1))
  outputs.set(`loss.${reduction}.recon`, parts['reconstruction loss']!.reshape(1))
  backward(total)
  const suffix = reduction === 'sum' ? '' : `_${reduction}`
  const gradients = checkGradients(fixture, network.parameters(), { suffix })
  const options = { momentum: 0.9, weightDecay: WEIGHT_DECAY, momentumBug: true }
  const optimiser = sgd(semformerGroups(network, options), {
    momentum: polySgdMomentum(options),
    nesterov: true,
  })
  optimiser.step(LR)
  optimiser.dispose()
  const after = [...tensorsUnder(fixture, 'after.')].map(([name, want]) =>
    compareTensor(`after.${name}`, network.parameters().get(name)!, want),
  )
  return [
    ...compareOutputs(fixture, outputs),
    ...gradients,
    ...(reduction === 'sum' ? after : []),
    ...checkEvaluation(fixture, network, reduction),
  ]
}

function checkEvaluation(fixture: Fixture, network: Caae, reduction: Reduction): Comparison[] {
  const images = fromData(tensorOf(fixture, 'in.eval_images'))
  const scores = noGrad(() => network.similarities(network.embeddings(images)).toFloat32Array())
  const targets = toFloat32Array(tensorOf(fixture, 'in.eval_labels'))
  const { precision, threshold } = bestThresholdPrecision({ scores, targets, classes: network.numClasses })
  const want = (name: string): Float64Array => toFloat64Array(tensorOf(fixture, `eval.${reduction}.${name}`))
  return [
    compareFloat(`eval.${reduction}.mAP`, [precision], want('mAP'), 1e-9),
    compareFloat(`eval.${reduction}.threshold`, [threshold], want('threshold'), 1e-9),
  ]
}
