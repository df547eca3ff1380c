import { expect, test } from 'vitest'
import { loadRecipe } from '../recipe/load.ts'
import { buildBackbone } from './build-backbone.ts'

test.for([
  ['mctformer_demo', 'model', 20],
  ['cam_demo', 'model', 1],
  ['mctformer_demo', 'deit-ti', 1],
] as const)(
  '%s, backbone %s: class tokens as the network that it starts from: %i',
  async ([name, backbone, tokens]) => {
    const { recipe } = await loadRecipe(name, { set: [] })
    const { network } = buildBackbone(backbone, recipe, { numClasses: 20, frozen: [] })
    expect(network.stateDict().get('cls_token')!.shape[1]).toBe(tokens)
    network.dispose()
  },
)
