/** @file Parity of a training step with WeakTr's train_one_epoch: logits, head weights, losses, every gradient. */
import { weaktrLosses } from '../../../src/methods/weaktr/losses.ts'
import type { Weaktr } from '../../../src/methods/weaktr/model.ts'
import { backward, fromData, scope, type Tensor } from '../../../src/torch/index.ts'
import { compareOutputs } from '../compare-tensors.ts'
import type { Comparison } from '../comparison.ts'
import { type CheckOptions, type Fixture, type Kind, parseConfig, tensorOf } from '../fixture.ts'
import { checkGradients } from '../gradients.ts'
import { weightsOf } from '../weights.ts'
import { isWeaktr, networkConfig, withNetwork } from './weaktr-network.ts'

export const weaktrTraining: Kind = {
  name: 'WeakTr training step',
  matches: content => isWeaktr(content) && content.has('in.images') && content.hasPrefix('loss.'),
  check,
}

/** The original's names of our losses. */
const LOSS_NAMES: Readonly<Record<string, string>> = {
  'class loss': 'cls_loss',
  'coarse loss': 'pat_loss',
  'fine loss': 'attn_loss',
}

async function check(fixture: Fixture, options: CheckOptions): Promise<Comparison[]> {
  const config = parseConfig(fixture, networkConfig)
  const weights = await weightsOf(fixture)
  const runs = [
    { suffix: '', pool: config.pool },
    { suffix: '_avg', pool: 'avg' },
  ] as const
  return runs.flatMap(({ suffix, pool }) =>
    withNetwork(config, weights, { ...options, pool }, network =>
      scope(() => checkStep(network, fixture, { suffix, ...options })),
    ),
  )
}

interface Step extends CheckOptions {
  readonly suffix: string
}

function checkStep(network: Weaktr, fixture: Fixture, { suffix, device }: Step): Comparison[] {
  const [images, targets] = ['in.images', 'in.targets'].map(name =>
    fromData(tensorOf(fixture, name)).to({ device }),
  ) as [Tensor, Tensor]
  const output = network.train().forward(images)
  const { total, parts } = weaktrLosses(output, targets)
  backward(total)
  const { classLogits, coarseLogits, fineLogits, headWeights } = output
  const losses = Object.entries({ loss: total, ...parts }).map(([part, value]): [string, Tensor] => [
    `loss${suffix}.${LOSS_NAMES[part] ?? part}`,
    value.reshape(1),
  ])
  const outputs = new Map<string, Tensor>([
    ...losses,
    [`train${suffix}.cls_token_pred`, classLogits],
    [`train${suffix}.coarse_cam_pred`, coarseLogits],
    [`train${suffix}.fine_cam_pred`, fineLogits],
    [`train${suffix}.aaf_weight`, headWeights.reshape(...headWeights.shape, 1, 1)],
  ])
  return [...compareOutputs(fixture, outputs), ...checkGradients(fixture, network.parameters(), { suffix })]
}
