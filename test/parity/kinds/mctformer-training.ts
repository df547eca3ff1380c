/** @file Parity of a training step with MCTformer's train_one_epoch: outputs, losses, every gradient. */
import { z } from 'zod'
import { type LossOptions, mctformerLosses } from '../../../src/methods/mctformer/losses.ts'
import type { Mctformer } from '../../../src/methods/mctformer/model.ts'
import { backward, fromData, ops, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { checkGradients } from '../gradients.ts'
import { weightsOf } from '../weights.ts'
import { isMctformer, networkConfig, withNetwork } from './mctformer-network.ts'

export const mctformerTraining: Kind = {
  name: 'MCTformer training step',
  matches: content => isMctformer(content) && content.has('in.images') && content.hasPrefix('loss.'),
  check,
}

const trainingConfig = networkConfig.extend({
  loss_args: z
    .array(z.object({ num_cct: z.int(), loss_weight: z.number() }))
    .min(1)
    .nullable(),
})

/** The original's names of our losses. */
export const LOSS_NAMES: Readonly<Record<string, readonly string[]>> = {
  'class loss': ['cls_loss', 'mct_loss'],
  'patch loss': ['pat_loss'],
  'contrast loss': ['attn_loss'],
}

async function check(fixture: Fixture, options: CheckOptions): Promise<Comparison[]> {
  const config = parseConfig(fixture, trainingConfig)
  const runs = (config.loss_args ?? [undefined]).map(args =>
    args === undefined ? {} : { contrastWeight: args.loss_weight, contrastLayers: args.num_cct },
  )
  return withNetwork(config, await weightsOf(fixture), options, network =>
    runs.flatMap((losses, run) =>
      scope(() => checkStep(network, fixture, { suffix: SUFFIXES[run], losses, ...options })),
    ),
  )
}

/** Tensors of the second set of loss arguments are `loss_alt.*` and `grad_alt.*`. */
const SUFFIXES = ['', '_alt']

interface Step extends CheckOptions {
  readonly suffix: string | undefined
  readonly losses: LossOptions
}

function checkStep(network: Mctformer, fixture: Fixture, { suffix, losses, device }: Step): Comparison[] {
  if (suffix === undefined) return []
  const parameters = network.train().parameters()
  for (const parameter of parameters.values()) parameter.grad = undefined
  const [images, targets] = ['in.images', 'in.targets'].map(name =>
    fromData(tensorOf(fixture, name)).to({ device }),
  ) as [Tensor, Tensor]
  const output = network.forward(images)
  const { total, parts } = mctformerLosses(output, targets, losses)
  backward(total)
  const { classLogits, patchLogits, classTokens } = output
  const outputs = new Map<string, Tensor>([[`loss${suffix}.loss`, total.reshape(1)]])
  for (const [part, value] of Object.entries(parts))
    for (const name of LOSS_NAMES[part] ?? []) outputs.set(`loss${suffix}.${name}`, value.reshape(1))
  if (suffix === '') {
    outputs.set('train.x_cls_logits', classLogits)
    if (patchLogits !== undefined) outputs.set('train.x_patch_logits', patchLogits)
    if (classTokens.length > 0) outputs.set('train.all_x_cls', ops.stack(classTokens))
  }
  return [...compareOutputs(fixture, outputs), ...checkGradients(fixture, parameters, { suffix })]
}
