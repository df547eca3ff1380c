/** @file Google's arrays (augreg) for tests. */
import type { TensorData } from '../src/io/tensor-data.ts'
import { fromData, scope, type Tensor } from '../src/torch/index.ts'

/** The arrays of a JAX checkpoint that hold the DeiT-like `weights`, by the inverse of every reordering. */
export function jaxArrays(weights: ReadonlyMap<string, TensorData>, heads: number): Map<string, TensorData> {
  return scope(() => {
    const read = (name: string): Tensor => fromData(weights.get(name)!)
    const arrays = new Map<string, Tensor>()
    const dense = (to: string, from: string): void => {
      arrays.set(`${to}/kernel`, read(`${from}.weight`).transpose(0, 1))
      arrays.set(`${to}/bias`, read(`${from}.bias`))
    }
    const norm = (to: string, from: string): void => {
      arrays.set(`${to}/scale`, read(`${from}.weight`))
      arrays.set(`${to}/bias`, read(`${from}.bias`))
    }
    arrays.set('cls', read('cls_token'))
    arrays.set('Transformer/posembed_input/pos_embedding', read('pos_embed'))
    arrays.set('embedding/kernel', read('patch_embed.proj.weight').permute(2, 3, 1, 0))
    arrays.set('embedding/bias', read('patch_embed.proj.bias'))
    for (const block of [0, 1]) {
      const [to, from] = [`Transformer/encoderblock_${block}`, `blocks.${block}`]
      const attention = `${to}/MultiHeadDotProductAttention_1`
      const [qkv, bias, proj] = [
        read(`${from}.attn.qkv.weight`),
        read(`${from}.attn.qkv.bias`),
        read(`${from}.attn.proj.weight`),
      ]
      const width = proj.size(0)
      for (const [i, part] of ['query', 'key', 'value'].entries()) {
        const rows = qkv.narrow(0, i * width, width).transpose(0, 1) // [D, heads*d]
        arrays.set(`${attention}/${part}/kernel`, rows.reshape(width, heads, width / heads))
        arrays.set(
          `${attention}/${part}/bias`,
          bias.narrow(0, i * width, width).reshape(heads, width / heads),
        )
      }
      arrays.set(`${attention}/out/kernel`, proj.transpose(0, 1).reshape(heads, width / heads, width))
      arrays.set(`${attention}/out/bias`, read(`${from}.attn.proj.bias`))
      norm(`${to}/LayerNorm_0`, `${from}.norm1`)
      norm(`${to}/LayerNorm_2`, `${from}.norm2`)
      dense(`${to}/MlpBlock_3/Dense_0`, `${from}.mlp.fc1`)
      dense(`${to}/MlpBlock_3/Dense_1`, `${from}.mlp.fc2`)
    }
    norm('Transformer/encoder_norm', 'norm')
    dense('head', 'head')
    return new Map([...arrays].map(([name, array]) => [name, array.contiguous().toData()]))
  })
}
