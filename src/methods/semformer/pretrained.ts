/** @file What SemFormer and its autoencoder start from: a DeiT, or checkpoints of their own, also as the authors' training writes them. */
import { InputError } from '../../errors.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { loadAdapted } from '../../models/adapted-weights.ts'
import type { LoadedWeights } from '../../models/loaded-weights.ts'
import {
  fitTokens,
  geometryOf,
  plainWeights,
  positionWords,
  pretrainedPositions,
  pretrainedTensor,
  refuseOtherSize,
  resizePositions,
  tokenWords,
  unwrapVit,
  withGuess,
} from '../../models/vit/index.ts'
import { unwrapNames } from '../../models/weight-names.ts'
import type { Module } from '../../nn/index.ts'
import { fromData, scope, type Tensor } from '../../torch/index.ts'
import type { Caae } from './caae.ts'
import type { GridBackbone } from './grid-backbone.ts'
import type { Semformer } from './model.ts'

type Weights = ReadonlyMap<string, TensorData>
type Source = Map<string, Tensor | TensorData>

/** Loads a DeiT into the encoder, or what a whole autoencoder has. Throws InputError naming `file`. */
export function loadCaae(network: Caae, given: Weights, { file }: { file: string }): LoadedWeights {
  return load(network, given, {
    file,
    backbone: network.backbone,
    prefix: 'encoder.vit_backbone.',
    widthKey: 'autoencoder.width',
  })
}

/** Loads a DeiT into the backbone and the class tokens, or what a whole SemFormer has. Throws InputError naming `file`. */
export function loadSemformer(network: Semformer, given: Weights, { file }: { file: string }): LoadedWeights {
  return load(network, given, {
    file,
    backbone: network.backbone,
    prefix: 'segmentor.backbone.',
    widthKey: 'model.width',
    tokens: { token: 'segmentor.cls_token', positions: 'segmentor.cls_posembed', count: network.numClasses },
  })
}

interface LoadOptions {
  readonly file: string
  readonly backbone: GridBackbone
  /** Of the backbone's names. */
  readonly prefix: string
  readonly widthKey: string
  /** Names of the class tokens, which start from that of a DeiT. */
  readonly tokens?: { readonly token: string; readonly positions: string; readonly count: number }
}

function load(network: Module, given: Weights, options: LoadOptions): LoadedWeights {
  const { file, backbone, prefix } = options
  return scope(() => {
    const grid = `${prefix}grid_posembed`
    const whole = unwrapNames(given, { anchor: grid, file })
    const own = whole.weights.has(grid)
    const { weights, folded } = own
      ? { weights: ofOtherClasses(network, whole.weights), folded: words(whole.prefix) }
      : fromDeit(given, options)
    const source: Source = new Map(weights)
    const changes: string[] = []
    if (own) {
      const positions = float(whole.weights.get(grid)!)
      changes.push(...positionWords(positions.size(1), backbone.side))
      source.set(grid, resizePositions(positions, backbone.side))
    }
    const shapes = network.stateDict()
    for (const name of unused(prefix))
      if (source.has(name) && source.get(name)!.shape.join() !== shapes.get(name)?.shape.join())
        source.delete(name)
    const expected = own
      ? 'weights of the same network'
      : `weights of the same ${options.widthKey} and patchSize`
    return loadAdapted(network, { weights: source, folded: [...folded, ...changes] }, { file, expected })
  })
}

const words = (prefix: string): string[] => (prefix === '' ? [] : [`names without ${prefix}`])

const float = (data: TensorData): Tensor => fromData(data).to({ dtype: 'float32' })

/** What a DeiT has besides: a file may have another size of it, or none. */
const unused = (prefix: string): string[] =>
  ['cls_token', 'pos_embed', 'dist_token', 'head_dist.weight', 'head_dist.bias'].map(
    name => `${prefix}model.${name}`,
  )

/** Parts whose shape tells the number of classes: drawn where the file has another. */
const OF_CLASSES =
  /^(segmentor\.(cls_token|cls_posembed|cls_head\.\w+|seg_head\.1\.\w+)|convert\.0\.weight|re_convert\.0\.weight|crs\.0\.weight)$/

function ofOtherClasses(network: Module, weights: Weights): Weights {
  const shapes = network.stateDict()
  const fits = (name: string): boolean => weights.get(name)!.shape.join() === shapes.get(name)?.shape.join()
  const parts = [...weights.keys()].filter(name => OF_CLASSES.test(name) && shapes.has(name))
  if (parts.every(fits)) return weights
  return new Map([...weights].filter(([name]) => !parts.includes(name)))
}

/** A DeiT's weights under the network's names. */
function fromDeit(
  given: Weights,
  { file, backbone, prefix, widthKey, tokens }: LoadOptions,
): { weights: Source; folded: readonly string[] } {
  const unwrapped = unwrapVit(given, { file })
  checkGeometry(backbone, unwrapped.weights, { file, field: widthKey })
  const { weights, folded } = plainWeights(unwrapped, { own: backbone.model.stateDict(), file })
  const source: Source = new Map()
  const known = backbone.model.stateDict()
  for (const [name, value] of weights) source.set(known.has(name) ? `${prefix}model.${name}` : name, value)
  for (const name of ['cls_token', 'pos_embed', 'dist_token']) source.delete(name)
  const { classes, patches } = pretrainedPositions(weights, file)!
  const changes = positionWords(patches.size(1), backbone.side)
  source.set(`${prefix}grid_posembed`, resizePositions(patches, backbone.side))
  if (tokens !== undefined) {
    const token = pretrainedTensor(weights, 'cls_token')!
    changes.push(...tokenWords(token.size(1), tokens.count))
    source.set(tokens.token, fitTokens(token, tokens.count))
    source.set(tokens.positions, fitTokens(classes, tokens.count))
  }
  return { weights: source, folded: [...folded, ...changes] }
}

function checkGeometry(
  backbone: GridBackbone,
  weights: Weights,
  { file, field }: { file: string; field: string },
): void {
  const own = { depth: backbone.model.blocks.length, width: backbone.gridPosembed.size(2) }
  const found = geometryOf(weights)
  if (found.width === undefined || found.depth === 0)
    throw new InputError(file, 'these are not the weights of a DeiT or of a SemFormer', {
      field: found.width === undefined ? 'cls_token' : 'blocks',
      expected: withGuess('a vision transformer with cls_token, pos_embed and blocks.*', weights.keys()),
    })
  refuseOtherSize(found, own, { file, field })
}
