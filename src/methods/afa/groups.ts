/** @file AFA's four parameter groups (model_attn_aff.py, get_param_groups; scripts/dist_train_voc.py). */
import type { Parameter } from '../../nn/index.ts'
import type { ParameterGroup } from '../../optim/index.ts'
import type { Afa } from './model.ts'

/**
 * The encoder; its norms, which do not move (a rate of 0, as in the original, which keeps their gradients); classifier and
 * affinity head; segmentation head. The heads learn `headFactor` times as fast as the encoder.
 */
export function afaGroups(
  network: Afa,
  { weightDecay, headFactor = 10 }: { weightDecay: number; headFactor?: number },
): ParameterGroup[] {
  const of = (wanted: (name: string) => boolean): Map<string, Parameter> =>
    new Map([...network.parameters()].filter(([name]) => wanted(name)))
  const inEncoder = (name: string): boolean => name.startsWith('encoder.')
  const isNorm = (name: string): boolean => name.includes('norm')
  return [
    { parameters: of(name => inEncoder(name) && !isNorm(name)), weightDecay },
    { parameters: of(name => inEncoder(name) && isNorm(name)), weightDecay: 0, lrScale: 0 },
    { parameters: of(name => /^(classifier|attn_proj)\./.test(name)), weightDecay, lrScale: headFactor },
    { parameters: of(name => name.startsWith('decoder.')), weightDecay, lrScale: headFactor },
  ]
}
