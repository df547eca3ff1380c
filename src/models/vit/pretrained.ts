/** @file Weights of a DeiT or an MCTformer, of any class tokens and grid, for another vision transformer. */
import { InputError } from '../../errors.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { fromData, ops, type Tensor } from '../../torch/index.ts'
import { isAugreg } from './augreg.ts'
import { geometryOf, refuseOtherSize, withGuess } from './foreign-weights.ts'
import { fromGridPositions, hasGridPositions } from './grid-positions.ts'
import { plainWeights, unwrapVit } from './plain-weights.ts'
import type { VisionTransformer } from './vision-transformer.ts'

export interface Positions {
  /** Of the class tokens [1, tokens, D]. */
  readonly classes: Tensor
  /** Of the patches [1, n*n, D]. */
  readonly patches: Tensor
  /** Whether they are MCTformer+'s own, already at its resolution. */
  readonly separate: boolean
}

/** Position embeddings of the file in any layout; undefined when it has none. Throws InputError naming `file`. */
export function pretrainedPositions(
  weights: ReadonlyMap<string, TensorData>,
  file: string,
): Positions | undefined {
  const [all, ownClasses, ownPatches] = ['pos_embed', 'pos_embed_cls', 'pos_embed_pat'].map(name =>
    pretrainedTensor(weights, name),
  )
  if (ownClasses !== undefined && ownPatches !== undefined)
    return { classes: ownClasses, patches: ownPatches, separate: true }
  if (all === undefined) return undefined
  const tokens = weights.get('cls_token')!.shape[1]!
  const extra = tokens + (weights.has('dist_token') ? 1 : 0) // a distilled DeiT has a second token
  const count = all.size(1) - extra
  if (!Number.isInteger(Math.sqrt(count))) {
    throw new InputError(file, `${count} patch positions are not a square grid`, {
      field: 'pos_embed',
      expected: 'positions of a square training image',
    })
  }
  return { classes: all.narrow(1, 0, tokens), patches: all.narrow(1, extra, count), separate: false }
}

/** One tensor of the file as float32. */
export function pretrainedTensor(weights: ReadonlyMap<string, TensorData>, name: string): Tensor | undefined {
  const found = weights.get(name)
  return found === undefined ? undefined : fromData(found).to({ dtype: 'float32' })
}

/** By size, not by scale factors; the same size is left exactly as it is. [1, n*n, D] -> [1, side*side, D] */
export function resizePositions(
  patches: Tensor,
  side: number,
  { filter = 'bicubic' }: { filter?: 'bicubic' | 'bilinear' } = {},
): Tensor {
  const [, count, width] = patches.shape as [number, number, number]
  const from = Math.round(Math.sqrt(count))
  if (from === side) return patches
  const grid = patches.reshape(1, from, from, width).permute(0, 3, 1, 2)
  const resize = filter === 'bilinear' ? ops.upsampleBilinear2d : ops.upsampleBicubic2d
  return resize(grid, [side, side], false)
    .permute(0, 2, 3, 1)
    .reshape(1, side * side, width)
}

/** Class tokens, or their positions, for another number of them: repeated from one, averaged to one. [1, n, D] -> [1, count, D] */
export function fitTokens(tokens: Tensor, count: number): Tensor {
  if (tokens.size(1) === count) return tokens
  return count === 1 ? tokens.mean(1, { keepdim: true }) : tokens.expand(1, count, -1).contiguous()
}

/** What fitTokens does, in words. */
export function tokenWords(found: number, count: number): string[] {
  if (found === count) return []
  return [count === 1 ? `${found} class tokens averaged to one` : `class token repeated ${count} times`]
}

/** What resizePositions does to so many positions, in words. */
export function positionWords(count: number, side: number): string[] {
  const from = Math.round(Math.sqrt(count))
  return from === side ? [] : [`positions resized from ${from} x ${from} to ${side} x ${side}`]
}

export interface AdaptedVit {
  readonly weights: Map<string, Tensor | TensorData>
  /** What was folded into other weights, in words. */
  readonly folded: readonly string[]
}

/**
 * The file's weights with class tokens and positions that fit `network`; heads keep their names. Positions are resampled
 * as the network does, those of augreg bicubically, as timm loads them. Throws InputError.
 */
export function adaptVisionTransformer(
  network: VisionTransformer,
  given: ReadonlyMap<string, TensorData>,
  { file }: { file: string },
): AdaptedVit {
  const named = hasGridPositions(given) ? fromGridPositions(given, { file }) : given
  const unwrapped = unwrapVit(named, { file })
  const filter = isAugreg(given) ? 'bicubic' : network.resample
  checkTokens(network, unwrapped.weights, file)
  const { weights, folded } = plainWeights(unwrapped, { own: network.stateDict(), file })
  const count = network.clsToken.size(1)
  const adapted = new Map<string, Tensor | TensorData>(weights)
  for (const name of ['dist_token', 'pos_embed', 'pos_embed_cls', 'pos_embed_pat']) adapted.delete(name)
  const token = pretrainedTensor(weights, 'cls_token')!
  const changes = tokenWords(token.size(1), count)
  adapted.set('cls_token', fitTokens(token, count))
  const positions = pretrainedPositions(weights, file)
  if (positions !== undefined) {
    const { classes, patches } = positions
    changes.push(...positionWords(patches.size(1), network.side))
    const parts = [fitTokens(classes, count), resizePositions(patches, network.side, { filter })]
    adapted.set('pos_embed', ops.cat(parts, { dim: 1 }))
  }
  return { weights: adapted, folded: [...folded, ...changes] }
}

function checkTokens(
  network: VisionTransformer,
  weights: ReadonlyMap<string, TensorData>,
  file: string,
): void {
  const [, count, width] = network.clsToken.shape as [number, number, number]
  const tokens = weights.get('cls_token')?.shape[1]
  const found = geometryOf(weights)
  const own = `the backbone has ${network.blocks.length} blocks of width ${width}`
  if (tokens === undefined) {
    throw new InputError(file, 'these are not the weights of a DeiT or MCTformer', {
      field: 'cls_token',
      expected: withGuess(own, weights.keys()),
    })
  }
  refuseOtherSize(
    found,
    { depth: network.blocks.length, width },
    {
      file,
      field: 'blocks',
      remedy: name => (name === undefined ? own : `${own}; the file holds a ${name}`),
    },
  )
  if (tokens !== count && tokens !== 1 && count !== 1) {
    throw new InputError(file, `an MCTformer of ${tokens} classes for a backbone of ${count}`, {
      field: 'cls_token',
      expected: 'weights of the same classes, or of a DeiT (one class token)',
    })
  }
}
