/** @file Bytes that one look of AFA's network takes, known before it is tried. Loads no libtorch. */
import { type EncoderLook, vitMemory } from '../../models/encoder-memory.ts'
import { type AfaModelRecipe, afaEncoderShape, mitOptions, mitStrides } from './recipe.ts'

const FLOAT = 4
const TOKENS = 16 // tensors of a stage's width that exist at once in a block: the MLP is four times as wide, before and after its convolution
const HEAD = 3 // maps of the segmentation head's width

/** Of the encoder and, unless it is for CAMs alone, of the segmentation head. */
export function afaMemory(
  model: AfaModelRecipe,
  look: EncoderLook,
  { head = true }: { head?: boolean } = {},
): number {
  const wide = head ? HEAD * model.headDim : 0
  const { vit } = afaEncoderShape(model)
  if (vit !== undefined) {
    const { bytes, patches } = vitMemory(vit, { ...look, classTokens: 1, read: false })
    return bytes + FLOAT * look.batch * patches * wide
  }
  const options = mitOptions(model)!
  const { embedDims } = options
  const { width, height } = look.size
  const places = mitStrides(options).map(stride => Math.ceil(width / stride) * Math.ceil(height / stride))
  const blocks = places.map((count, stage) => TOKENS * count * embedDims[stage]!)
  const maps = places.reduce((sum, count, stage) => sum + count * embedDims[stage]!, 0)
  const bytes = look.precision === 'fp32' ? FLOAT : 3 // half of them are bfloat16
  return bytes * look.batch * (maps + Math.max(...blocks, places[0]! * wide))
}
