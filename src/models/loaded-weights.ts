/** @file The result of loading a weight file, and its log line. Pure. */
import { kindsOf } from './weight-names.ts'

export interface LoadedWeights {
  /** Parameters that keep their initial values. */
  readonly missing: readonly string[]
  /** Weights of the file that the network does not have. */
  readonly unexpected: readonly string[]
  /** Weights folded into others without changing the function, and removed prefixes, in words; absent for none. */
  readonly folded?: readonly string[]
}

/** Further contents of weight files: classifiers, parts that only pretraining reads, optimisers, copies. */
const HARMLESS =
  /^(head|head_dist|dist_token|fc|classifier|pre_logits|pooler|fc_norm|lm_head|mask_token|decoder|attn_proj|decoder_\w+|projection_head|predictor|optimi[sz]er\w*|scheduler|lr_scheduler|epoch|iteration|loss|criterion|dino_\w+|ibot_\w+|scaler|ema|model_ema|unet|adaptive_attention_fusion|bg_token|tokenizer|mix|join|classify)(\.|$)|num_batches_tracked$/

const WRAPPERS = /^(?:(?:module|model|backbone|encoder|network|net|teacher|student|_orig_mod)\.)+/

/** Whether a network has no use for a tensor of such a name, and it is known why. */
export const isHarmless = (name: string): boolean => HARMLESS.test(name.replace(WRAPPERS, ''))

export interface LoadedLines {
  /** 'drawn: head.weight; blocks.*.ls1.gamma (12) folded into attn.proj; without use here: mask_token' */
  readonly info: string
  /** A warning of unknown names; undefined for none. */
  readonly warning: string | undefined
}

/** `names` of the file, and those of the network it went into. */
export function describeLoaded(
  { missing, unexpected, folded = [] }: LoadedWeights,
  { names, own }: { names: Iterable<string>; own: { has(name: string): boolean } },
): LoadedLines {
  const drawn = new Set(missing)
  const left = [...names].filter(name => isHarmless(name) && (drawn.has(name) || !own.has(name)))
  const harmless = new Set([...unexpected.filter(isHarmless), ...left])
  const unknown = unexpected.filter(name => !isHarmless(name))
  return {
    info: [
      missing.length === 0 ? 'none drawn' : `drawn: ${kindsOf(missing, { most: 12 })}`,
      ...folded,
      ...(harmless.size === 0 ? [] : [`without use here: ${kindsOf(harmless)}`]),
    ].join('; '),
    warning:
      unknown.length === 0
        ? undefined
        : `nothing here uses ${kindsOf(unknown)}, and what they do is not known`,
  }
}
