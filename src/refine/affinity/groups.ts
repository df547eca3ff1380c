/** @file PSA's parameter groups (train_aff.py): new weights learn faster than pretrained ones. */
import type { Module, Parameter } from '../../nn/index.ts'
import type { ParameterGroup } from '../../optim/index.ts'
import type { AffinityNet } from './network.ts'

/** Biases and norms: twice the learning rate, no weight decay. */
const BIAS_SCALE = 2

/** Weights and biases of the backbone, then of the head; frozen parameters are in none. */
export function affinityGroups(
  { backbone, head }: AffinityNet,
  { weightDecay, headScale }: { weightDecay: number; headScale: number },
): ParameterGroup[] {
  return [
    { network: backbone.network, scale: 1 },
    { network: head, scale: headScale },
  ].flatMap(({ network, scale }) => [
    { parameters: trained(network, isWeight), weightDecay, lrScale: scale },
    {
      parameters: trained(network, entry => !isWeight(entry)),
      weightDecay: 0,
      lrScale: scale * BIAS_SCALE,
    },
  ])
}

function trained(network: Module, wanted: (parameter: Parameter) => boolean): Map<string, Parameter> {
  return new Map(
    [...network.parameters()].filter(([, parameter]) => parameter.requiresGrad && wanted(parameter)),
  )
}

function isWeight({ shape }: Parameter): boolean {
  return shape.length > 1
}
