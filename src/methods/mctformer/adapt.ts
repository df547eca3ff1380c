/** @file DeiT's weights for MCTformer: one class token becomes one per class, positions fit the grid (main.py, --finetune). */
import { InputError } from '../../errors.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { fromData, ops, scope, type Tensor, tensor } from '../../torch/index.ts'
import type { Adapted } from '../method.ts'
import type { Mctformer } from './model.ts'

/**
 * Loads DeiT weights, or those of another MCTformer of the same class count, into `network`. A local file is treated
 * as a named one (the original repeats tokens for downloads only). `file` is named in errors.
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
    for (const [name, { shape }] of own) {
      if (/^head\b/.test(name) && weights.get(name)?.shape.join() !== shape.join()) source.delete(name)
    }
    for (const name of [...source.keys()]) if (/^head_dist\b|^dist_token$/.test(name)) source.delete(name)
    const token = weights.get('cls_token')
    if (token !== undefined) source.set('cls_token', repeated(fromData(token), network.numClasses))
    const positions = weights.get('pos_embed')
    if (positions !== undefined) {
      for (const [name, value] of adaptPositions(network, fromData(positions))) source.set(name, value)
    }
    return network.loadStateDict(source, { strict: false })
  })
}

/** [1, 1 or C, D] -> [1, C, D] */
function repeated(token: Tensor, numClasses: number): Tensor {
  return token.size(1) === numClasses ? token : token.narrow(1, 0, 1).expand(1, numClasses, -1).contiguous()
}

function adaptPositions(network: Mctformer, positions: Tensor): Map<string, Tensor> {
  const { numClasses, side, variant } = network
  const count = positions.size(1)
  // DeiT has one class entry; another MCTformer one per class. The rest is a square grid.
  const extra = Number.isInteger(Math.sqrt(count - 1)) ? 1 : numClasses
  const classes = repeated(positions.narrow(1, 0, extra), numClasses)
  const patches = positions.narrow(1, extra, count - extra)
  if (variant !== 'plus') {
    return new Map([['pos_embed', ops.cat([classes, resized(patches, side)], { dim: 1 })]])
  }
  if (network.posEmbed.size(1) !== count)
    throw new RangeError(`pos_embed [${positions.shape}] for [${network.posEmbed.shape}]`)
  return new Map([
    ['pos_embed', positions],
    ['pos_embed_cls', classes],
    ['pos_embed_pat', doubled(patches, side)],
  ])
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
  const found = weights.get('cls_token')?.shape.at(-1)
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
}
