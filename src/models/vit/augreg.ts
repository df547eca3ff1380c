/** @file Google's ViT checkpoints (augreg, .npz) under DeiT's names and in PyTorch's layouts, as timm's _load_weights reads them. */
import { InputError } from '../../errors.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { fromData, ops, scope, type Tensor } from '../../torch/index.ts'

/** Whether the names are those of a JAX checkpoint, also of one that holds its optimiser. */
export function isAugreg(weights: ReadonlyMap<string, TensorData>): boolean {
  return weights.has('embedding/kernel') || weights.has(`${OPTIMISER}embedding/kernel`)
}

const OPTIMISER = 'opt/target/'

/** cls_token, pos_embed, patch_embed, blocks, norm and head as a DeiT has them. Throws InputError naming what is missing. */
export function fromAugreg(
  weights: ReadonlyMap<string, TensorData>,
  { file }: { file: string },
): Map<string, TensorData> {
  const prefix = weights.has('embedding/kernel') ? '' : OPTIMISER
  const read = (name: string): Tensor => {
    const found = weights.get(prefix + name)
    if (found !== undefined) return fromData(found).to({ dtype: 'float32' })
    throw new InputError(file, 'array missing', {
      field: prefix + name,
      expected: "the arrays of Google's vision transformers (augreg)",
    })
  }
  const named = new Map<string, TensorData>()
  const put = (name: string, make: () => Tensor): void =>
    void named.set(
      name,
      scope(() => make().contiguous().toData()),
    )
  const norm = (to: string, from: string): void => {
    put(`${to}.weight`, () => read(`${from}/scale`))
    put(`${to}.bias`, () => read(`${from}/bias`))
  }
  const dense = (to: string, from: string): void => {
    put(`${to}.weight`, () => read(`${from}/kernel`).transpose(0, 1)) // [in, out]
    put(`${to}.bias`, () => read(`${from}/bias`))
  }
  put('cls_token', () => read('cls'))
  put('pos_embed', () => read('Transformer/posembed_input/pos_embedding'))
  put('patch_embed.proj.weight', () => read('embedding/kernel').permute(3, 2, 0, 1)) // [p, p, 3, D]
  put('patch_embed.proj.bias', () => read('embedding/bias'))
  for (const block of blocksIn(weights)) {
    const from = `Transformer/encoderblock_${block}`
    const attention = `${from}/MultiHeadDotProductAttention_1`
    const to = `blocks.${block}`
    const projections = (part: string, rows: (array: Tensor) => Tensor): Tensor =>
      ops.cat(['query', 'key', 'value'].map(name => rows(read(`${attention}/${name}/${part}`))))
    norm(`${to}.norm1`, `${from}/LayerNorm_0`)
    put(`${to}.attn.qkv.weight`, () =>
      projections('kernel', array => ops.flatten(array, { startDim: 1 }).transpose(0, 1)),
    ) // [D, heads, d]
    put(`${to}.attn.qkv.bias`, () => projections('bias', array => array.reshape(-1)))
    put(`${to}.attn.proj.weight`, () =>
      ops.flatten(read(`${attention}/out/kernel`), { endDim: 1 }).transpose(0, 1),
    ) // [heads, d, D]
    put(`${to}.attn.proj.bias`, () => read(`${attention}/out/bias`))
    norm(`${to}.norm2`, `${from}/LayerNorm_2`)
    dense(`${to}.mlp.fc1`, `${from}/MlpBlock_3/Dense_0`)
    dense(`${to}.mlp.fc2`, `${from}/MlpBlock_3/Dense_1`)
  }
  if (weights.has(`${prefix}Transformer/encoder_norm/scale`)) norm('norm', 'Transformer/encoder_norm')
  if (weights.has(`${prefix}head/kernel`)) dense('head', 'head')
  return named
}

function blocksIn(weights: ReadonlyMap<string, TensorData>): number[] {
  const found = [...weights.keys()].flatMap(name => /\/encoderblock_(\d+)\//.exec(name)?.[1] ?? [])
  return [...new Set(found.map(Number))].sort((a, b) => a - b)
}
