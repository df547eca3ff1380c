/** @file DeiT's weights for MCTformer: one class token becomes one per class, positions fit the grid (main.py, --finetune). */
import { InputError } from '../../errors.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { StateDictError } from '../../nn/index.ts'
import { fromData, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import type { Adapted } from '../method.ts'
import type { Mctformer } from './model.ts'

/**
 * Loads DeiT weights, or those of another MCTformer of the same class count, into `network`. A local file is treated
 * as a named one (the original repeats tokens for downloads only). Throws InputError naming `file`.
 */
export function loadPretrained(
  network: Mctformer,
  weights: ReadonlyMap<string, TensorData>,
  { file }: { file: string },
): Adapted {
  return scope(() => {
    checkGeometry(network, weights, file)
    const own = network.stateDict()
    const source = new Map<string, Tensor | TensorData>(weights)
    for (const name of weights.keys()) {
      const foreignHead =
        /^head\b/.test(name) && weights.get(name)?.shape.join() !== own.get(name)?.shape.join()
      if (foreignHead || /^(head_dist\b|dist_token$|pos_embed)/.test(name)) source.delete(name)
    }
    source.set('cls_token', repeated(floats(weights, 'cls_token')!, network.numClasses))
    const positions = sourcePositions(weights, file)
    if (positions !== undefined)
      for (const [name, value] of adaptPositions(network, positions)) source.set(name, value)
    const unused = weights.get('pos_embed') // of MCTformer+, which carries DeiT's along
    if (!source.has('pos_embed') && unused?.shape.join() === network.posEmbed.shape.join())
      source.set('pos_embed', unused)
    try {
      return network.loadStateDict(source, { strict: false })
    } catch (cause) {
      if (!(cause instanceof StateDictError)) throw cause
      throw new InputError(file, cause.message, {
        expected: 'weights of the same model.patchSize and width',
        cause,
      })
    }
  })
}

/** [1, 1 or C, D] -> [1, C, D] */
function repeated(token: Tensor, numClasses: number): Tensor {
  return token.size(1) === numClasses ? token : token.expand(1, numClasses, -1).contiguous()
}

interface Positions {
  /** [1, 1 or C, D] */
  readonly classes: Tensor
  /** [1, n*n, D] */
  readonly patches: Tensor
  /** Whether they are MCTformer+'s own, already at its resolution. */
  readonly separate: boolean
}

/** Positions of the class tokens and of the patches, however the file keeps them. */
function sourcePositions(weights: ReadonlyMap<string, TensorData>, file: string): Positions | undefined {
  const [all, ownClasses, ownPatches] = ['pos_embed', 'pos_embed_cls', 'pos_embed_pat'].map(name =>
    floats(weights, name),
  )
  if (ownClasses !== undefined && ownPatches !== undefined)
    return { classes: ownClasses, patches: ownPatches, separate: true }
  if (all === undefined) return undefined
  const tokens = weights.get('cls_token')!.shape[1]!
  const extra = tokens + (weights.has('dist_token') ? 1 : 0) // a distilled DeiT has a second token
  const count = all.size(1) - extra
  if (!Number.isInteger(Math.sqrt(count))) {
    throw new InputError(file, `${count} positions beside ${extra} tokens are not a square grid`, {
      field: 'pos_embed',
      expected: 'positions of a square training image',
    })
  }
  return { classes: all.narrow(1, 0, tokens), patches: all.narrow(1, extra, count), separate: false }
}

function adaptPositions(
  { numClasses, side, variant }: Mctformer,
  { classes, patches, separate }: Positions,
): Map<string, Tensor> {
  const perClass = repeated(classes, numClasses)
  if (variant !== 'plus')
    return new Map([['pos_embed', ops.cat([perClass, resized(patches, side)], { dim: 1 })]])
  return new Map([
    ['pos_embed_cls', perClass],
    ['pos_embed_pat', separate ? resized(patches, side) : doubled(patches, side)],
  ])
}

function floats(weights: ReadonlyMap<string, TensorData>, name: string): Tensor | undefined {
  const found = weights.get(name)
  return found === undefined ? undefined : fromData(found).to({ dtype: 'float32' })
}

/** Bicubic by size; the same size is left exactly as it is. [1, n*n, D] -> [1, side*side, D] */
function resized(patches: Tensor, side: number): Tensor {
  const [, count, width] = patches.shape as [number, number, number]
  const from = Math.round(Math.sqrt(count))
  if (from === side) return patches
  const grid = patches.reshape(1, from, from, width).permute(0, 3, 1, 2)
  return ops
    .upsampleBicubic2d(grid, [side, side], false)
    .permute(0, 2, 3, 1)
    .reshape(1, side * side, width)
}

/** MCTformer+ copies each position into a 2 x 2 block; for other grids than the double, resampling takes its place. */
function doubled(patches: Tensor, side: number): Tensor {
  const [, count, width] = patches.shape as [number, number, number]
  const from = Math.round(Math.sqrt(count))
  if (side !== 2 * from) return resized(patches, side)
  const index = tensor(Array.from({ length: side }, (_, i) => Math.floor(i / 2))).to({ dtype: 'int64' })
  const grid = patches.reshape(1, from, from, width)
  return ops.indexSelect(ops.indexSelect(grid, 1, index), 2, index).reshape(1, side * side, width)
}

function checkGeometry(network: Mctformer, weights: ReadonlyMap<string, TensorData>, file: string): void {
  const [, , width] = network.clsToken.shape
  const [, tokens, found] = weights.get('cls_token')?.shape ?? []
  const depth =
    1 + Math.max(-1, ...[...weights.keys()].map(name => Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? -1)))
  if (found === undefined || depth === 0) {
    throw new InputError(file, 'these are not the weights of a DeiT or MCTformer', {
      field: found === undefined ? 'cls_token' : 'blocks',
      expected: 'a vision transformer with cls_token, pos_embed and blocks.*',
    })
  }
  if (found !== width || depth !== network.blocks.length) {
    throw new InputError(file, `weights of another architecture: ${depth} blocks of width ${found}`, {
      field: 'model.width',
      expected: `the recipe's network has ${network.blocks.length} blocks of width ${width}`,
    })
  }
  if (tokens !== 1 && tokens !== network.numClasses) {
    throw new InputError(file, `an MCTformer of ${tokens} classes for a network of ${network.numClasses}`, {
      field: 'cls_token',
      expected: 'weights of the same classes, or of a DeiT (one class token)',
    })
  }
}
