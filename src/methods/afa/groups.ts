/** @file AFA's four parameter groups (model_attn_aff.py, get_param_groups; scripts/dist_train_voc.py). */
import type { Parameter } from '../../nn/index.ts'
import type { ParameterGroup } from '../../optim/index.ts'
import type { Afa } from './model.ts'

export interface AfaGroupOptions {
  readonly weightDecay: number
  /** The heads learn so many times as fast as the encoder. */
  readonly headFactor?: number
  /** Those of the encoder. frozen: a rate of 0, as in the original, which keeps their gradients. */
  readonly norms?: 'frozen' | 'trained'
}

/** The encoder; its norms, without decay; classifier and affinity head; segmentation head. */
export function afaGroups(
  network: Afa,
  { weightDecay, headFactor = 10, norms = 'frozen' }: AfaGroupOptions,
): ParameterGroup[] {
  const of = (wanted: (name: string) => boolean): Map<string, Parameter> =>
    new Map([...network.parameters()].filter(([name]) => wanted(name)))
  const inEncoder = (name: string): boolean => name.startsWith('encoder.')
  const isNorm = (name: string): boolean => name.includes('norm')
  return [
    { parameters: of(name => inEncoder(name) && !isNorm(name)), weightDecay },
    {
      parameters: of(name => inEncoder(name) && isNorm(name)),
      weightDecay: 0,
      lrScale: norms === 'frozen' ? 0 : 1,
    },
    { parameters: of(name => /^(classifier|attn_proj)\./.test(name)), weightDecay, lrScale: headFactor },
    { parameters: of(name => name.startsWith('decoder.')), weightDecay, lrScale: headFactor },
  ]
}
