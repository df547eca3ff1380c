import { expect, test } from 'vitest'
import type { VisionTransformer } from '../../models/vit/index.ts'
import { keep, manualSeed, noGrad, ops, scope, type Tensor } from '../../torch/index.ts'
import { vitAfaEncoder } from './encoder.ts'

const greatest = (difference: Tensor): number => difference.abs().max().item()

test('a plain ViT gives logits that the softmax cannot tell from its own: scaled, their mean over the keys taken away', () => {
  scope(() => {
    manualSeed(3)
    const [embedDim, heads] = [8, 2]
    const options = { embedDim, depth: 2, heads, mlpRatio: 4, imageSize: 32, patchSize: 8, dropPath: 0 }
    const { network, forward } = vitAfaEncoder(options)
    const { qkv } = (network as VisionTransformer).blocks[1]!.attn
    noGrad(() => ops.normal_(qkv.weight, { mean: 0, std: 3 }))
    const images = ops.randn([1, 3, 32, 32])
    let own: Tensor | undefined
    noGrad(() =>
      (network as VisionTransformer).tokens(images, [2], {
        attention: ({ queries, keys }, layer) => {
          if (layer === 1) own = keep(queries.matmul(keys.transpose(-2, -1)).narrow(-1, 1, 16).softmax(-1))
        },
      }),
    )
    const { queries, keys } = noGrad(() => forward(images, { withFactors: true }).factors[1]!)
    const head = (tokens: Tensor): Tensor => tokens.reshape(1, 16, heads, embedDim / heads).transpose(1, 2)
    const logits = head(queries).matmul(head(keys).transpose(-2, -1)) // [1, heads, 16, 16]
    expect(greatest(logits.mean([-1]))).toBeLessThan(1e-4)
    expect(greatest(logits.softmax(-1).sub(own!.reshape(1, heads, 17, 16).narrow(2, 1, 16)))).toBeLessThan(
      1e-4,
    )
    own!.dispose()
    network.dispose()
  })
})
