/** @file Weights of SemFormer's networks, whose patch positions are apart from the DeiT, as a DeiT's own. */
import { InputError } from '../../errors.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { fromData, ops, scope, type Tensor } from '../../torch/index.ts'

const GRID = 'grid_posembed'
const UNUSED = /^(cls_token|pos_embed|dist_token|head_dist\..*)$/ // of the DeiT that training began with

const gridName = (names: Iterable<string>): string | undefined =>
  [...names].find(name => name === GRID || name.endsWith(`.${GRID}`))

/** Whether a file's patch positions have a name of their own. */
export function hasGridPositions(weights: ReadonlyMap<string, unknown>): boolean {
  return gridName(weights.keys()) !== undefined
}

/** Under a DeiT's names, with a class token per class in front. Throws InputError naming `file` for an autoencoder, which has none. */
export function fromGridPositions(
  weights: ReadonlyMap<string, TensorData>,
  { file }: { file: string },
): Map<string, TensorData> {
  const grid = gridName(weights.keys())!
  const backbone = grid.slice(0, -GRID.length)
  const outer = backbone.replace(/backbone\.$/, '')
  const [tokens, positions] = ['cls_token', 'cls_posembed'].map(name => weights.get(`${outer}${name}`))
  if (tokens === undefined || positions === undefined)
    throw new InputError(file, 'has no class tokens', {
      field: `${outer}cls_token`,
      expected: "weights of SemFormer's segmentation network; those of its autoencoder have none",
    })
  const plain = new Map<string, TensorData>()
  const model = `${backbone}model.`
  for (const [name, value] of weights)
    if (name.startsWith(model) && !UNUSED.test(name.slice(model.length)))
      plain.set(name.slice(model.length), value)
  const float = (data: TensorData): Tensor => fromData(data).to({ dtype: 'float32' })
  plain.set('cls_token', tokens)
  plain.set(
    'pos_embed',
    scope(() => ops.cat([float(positions), float(weights.get(grid)!)], { dim: 1 }).toData()),
  )
  return plain
}
