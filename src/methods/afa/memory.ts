/** @file Bytes that one look of AFA's network takes, known before it is tried. Loads no libtorch. */
import { type EncoderLook, vitMemory } from '../../models/encoder-memory.ts'
import { type AfaModelRecipe, afaEncoderShape, mitOptions, mitStrides } from './recipe.ts'

const FLOAT = 4
const TOKENS = 16 // tensors of a stage's width that exist at once in a block: the MLP is four times as wide, before and after its convolution
const HEAD = 3 // maps of the segmentation head's width

/** Of the encoder and the segmentation head. */
export function afaMemory(model: AfaModelRecipe, look: EncoderLook): number {
  const { vit } = afaEncoderShape(model)
  if (vit !== undefined) {
    const { bytes, patches } = vitMemory(vit, { ...look, classTokens: 1, read: false })
    return bytes + HEAD * FLOAT * look.batch * patches * model.headDim
  }
  const options = mitOptions(model)!
  const { embedDims, heads, srRatios } = options
  const { width, height } = look.size
  const places = mitStrides(options).map(stride => Math.ceil(width / stride) * Math.ceil(height / stride))
  const blocks = places.map((count, stage) => {
    const attention = heads[stage]! * count * Math.ceil(count / srRatios[stage]! ** 2)
    return attention + TOKENS * count * embedDims[stage]!
  })
  const maps = places.reduce((sum, count, stage) => sum + count * embedDims[stage]!, 0)
  const head = HEAD * places[0]! * model.headDim
  const bytes = look.precision === 'fp32' ? FLOAT : 3 // half of them are bfloat16
  return bytes * look.batch * (maps + Math.max(...blocks, head))
}
