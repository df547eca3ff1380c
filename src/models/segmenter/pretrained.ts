/** @file Initial weights of a Segmenter: a DeiT, an augreg ViT, a classification network of the same width, or another Segmenter. */
import { InputError } from '../../errors.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { fromData, ops, scope, Tensor } from '../../torch/index.ts'
import { loadAdapted } from '../adapted-weights.ts'
import type { LoadedWeights } from '../loaded-weights.ts'
import { type AdaptedVit, adaptVisionTransformer } from '../vit/index.ts'
import { unwrapNames } from '../weight-names.ts'
import type { Segmenter } from './segmenter.ts'

const ENCODER = 'encoder.'

/**
 * Loads a backbone into the encoder, or a Segmenter into both parts; heads of other labels are left out. Several class
 * tokens become their mean. Returns names without a value and values without a name. Throws InputError naming `file`.
 */
export function loadSegmenter(
  network: Segmenter,
  given: ReadonlyMap<string, TensorData>,
  { file }: { file: string },
): LoadedWeights {
  return scope(() => {
    const { weights, prefix } = unwrapNames(given, { anchor: 'decoder.cls_emb', file })
    const whole = weights.has('decoder.cls_emb')
    if (whole) checkLabels(network, weights.get('decoder.cls_emb')!, file)
    const source = new Map<string, Tensor | TensorData>()
    const encoder = adaptEncoder(network, weights, file)
    for (const [name, value] of encoder.weights) source.set(ENCODER + name, value)
    const folded = [...(prefix === '' ? [] : [`names without ${prefix}`]), ...encoder.folded]
    if (whole) for (const [name, value] of weights) if (name.startsWith('decoder.')) source.set(name, value)
    const expected = whole ? 'weights of the same Segmenter' : 'weights of the same width, depth and heads'
    return loadAdapted(network, { weights: source, folded }, { file, expected, strict: whole })
  })
}

/** The encoder's weights under its own names. */
function adaptEncoder(
  { encoder }: Segmenter,
  weights: ReadonlyMap<string, TensorData>,
  file: string,
): AdaptedVit {
  const own = [...weights].flatMap(([name, value]) =>
    name.startsWith(ENCODER) ? [[name.slice(ENCODER.length), value] as const] : [],
  )
  const { weights: adapted, folded } = adaptVisionTransformer(
    encoder,
    own.length > 0 ? new Map(own) : weights,
    { file },
  )
  const patches = adapted.get('patch_embed.proj.weight')
  const side = encoder.patchEmbed.proj.stride
  const from = patches?.shape.at(-1)
  if (patches !== undefined) adapted.set('patch_embed.proj.weight', resizePatches(patches, side))
  const head = encoder.head.weight.shape.join()
  if (adapted.get('head.weight')?.shape.join() !== head) {
    adapted.delete('head.weight')
    adapted.delete('head.bias')
  }
  const words = from === undefined || from === side ? [] : [`patches resized from ${from} to ${side} pixels`]
  return { weights: adapted, folded: [...folded, ...words] }
}

/** Patch filters for another side of the patch, bicubic (checkpoint_filter_fn). [D, 3, p, p] */
function resizePatches(filters: Tensor | TensorData, side: number): Tensor | TensorData {
  if (filters.shape.at(-1) === side) return filters
  const tensor = filters instanceof Tensor ? filters : fromData(filters)
  return ops.upsampleBicubic2d(tensor.to({ dtype: 'float32' }), [side, side], false)
}

function checkLabels({ decoder }: Segmenter, { shape: [, found] }: TensorData, file: string): void {
  const labels = decoder.clsEmb.size(1)
  if (found === labels) return
  throw new InputError(file, `a Segmenter of ${found} labels for a network of ${labels}`, {
    field: 'decoder.cls_emb',
    expected: `weights for the data's ${labels - 1} classes and the background (early files of the authors have 60 labels)`,
  })
}
