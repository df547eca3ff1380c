/** @file DeiT's weights for networks with a class token per class: one becomes many, positions fit the grid (main.py, --finetune). */
import { InputError } from '../errors.ts'
import type { TensorData } from '../io/tensor-data.ts'
import { loadAdapted } from '../models/adapted-weights.ts'
import {
  type ClassTokenTransformer,
  fitTokens,
  geometryOf,
  type Positions,
  patchRemedy,
  plainWeights,
  positionWords,
  pretrainedPositions,
  pretrainedTensor,
  refuseOtherSize,
  resizePositions,
  tokenWords,
  unwrapVit,
  withGuess,
} from '../models/vit/index.ts'
import { ops, scope, type Tensor, tensor } from '../torch/index.ts'
import type { Adapted } from './method.ts'

/**
 * Loads DeiT weights, or those of another such network of the same class count, into `network`. A local file is treated
 * as a named one (MCTformer's own code repeats tokens for downloads only). Throws InputError naming `file`.
 */
export function loadClassTokenWeights(
  network: ClassTokenTransformer,
  weights: ReadonlyMap<string, TensorData>,
  { file }: { file: string },
): Adapted {
  return scope(() => {
    const unwrapped = unwrapVit(weights, { file })
    checkGeometry(network, unwrapped.weights, file)
    const own = network.stateDict()
    const { weights: plain, folded } = plainWeights(unwrapped, { own, file })
    const source = new Map<string, Tensor | TensorData>(plain)
    for (const name of plain.keys()) {
      const foreignHead =
        /^head\b/.test(name) && plain.get(name)?.shape.join() !== own.get(name)?.shape.join()
      if (foreignHead || /^(head_dist\b|dist_token$|pos_embed)/.test(name)) source.delete(name)
    }
    const token = pretrainedTensor(plain, 'cls_token')!
    const changes = tokenWords(token.size(1), network.clsToken.size(1))
    source.set('cls_token', fitTokens(token, network.clsToken.size(1)))
    const positions = pretrainedPositions(plain, file)
    if (positions !== undefined) {
      changes.push(...positionWords(positions.patches.size(1), network.side))
      for (const [name, value] of adaptPositions(network, positions)) source.set(name, value)
    }
    const unused = plain.get('pos_embed') // of MCTformer+, whose files include DeiT's
    if (!source.has('pos_embed') && unused?.shape.join() === network.posEmbed.shape.join())
      source.set('pos_embed', unused)
    const adapted = { weights: source, folded: [...folded, ...changes] }
    return loadAdapted(network, adapted, {
      file,
      expected: patchRemedy(plain, network.patchEmbed.proj.stride),
    })
  })
}

function adaptPositions(
  { numClasses, side, posEmbedPat }: ClassTokenTransformer,
  { classes, patches, separate }: Positions,
): Map<string, Tensor> {
  const perClass = fitTokens(classes, numClasses)
  if (posEmbedPat === undefined)
    return new Map([['pos_embed', ops.cat([perClass, resizePositions(patches, side)], { dim: 1 })]])
  return new Map([
    ['pos_embed_cls', perClass],
    ['pos_embed_pat', separate ? resizePositions(patches, side) : doubled(patches, side)],
  ])
}

/** MCTformer+ copies each position into a 2 x 2 block; other grids are resampled. */
function doubled(patches: Tensor, side: number): Tensor {
  const [, count, width] = patches.shape as [number, number, number]
  const from = Math.round(Math.sqrt(count))
  if (side !== 2 * from) return resizePositions(patches, side)
  const index = tensor(Array.from({ length: side }, (_, i) => Math.floor(i / 2))).to({ dtype: 'int64' })
  const grid = patches.reshape(1, from, from, width)
  return ops.indexSelect(ops.indexSelect(grid, 1, index), 2, index).reshape(1, side * side, width)
}

function checkGeometry(
  network: ClassTokenTransformer,
  weights: ReadonlyMap<string, TensorData>,
  file: string,
): void {
  const [, , width] = network.clsToken.shape
  const [, tokens] = weights.get('cls_token')?.shape ?? []
  const found = geometryOf(weights)
  if (found.width === undefined || found.depth === 0) {
    throw new InputError(file, 'these are not the weights of a DeiT, MCTformer or WeakTr', {
      field: found.width === undefined ? 'cls_token' : 'blocks',
      expected: withGuess('a vision transformer with cls_token, pos_embed and blocks.*', weights.keys()),
    })
  }
  refuseOtherSize(found, { depth: network.blocks.length, width }, { file, field: 'model.width' })
  const positions = weights.get('pos_embed_cls')?.shape[1] ?? tokens
  const refuse = (count: number | undefined, field: string): never => {
    throw new InputError(file, `${count} class tokens for a network of ${network.numClasses} classes`, {
      field,
      expected: 'weights of the same classes, or of a DeiT (one class token)',
    })
  }
  if (tokens !== 1 && tokens !== network.clsToken.size(1)) refuse(tokens, 'cls_token')
  if (positions !== 1 && positions !== network.numClasses) refuse(positions, 'pos_embed_cls')
}
