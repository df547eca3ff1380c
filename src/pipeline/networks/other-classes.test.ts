import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { saveWeights } from '../../train/checkpoint.ts'
import { silentLog } from '../../train/log.ts'
import { parseRecipe } from '../recipe/load.ts'
import { buildMethod, loadPublished } from './build-method.ts'

const RECIPE = `method: afa
model: { backbone: { embedDim: 24, depth: 4, heads: 2 }, imageSize: 64, patchSize: 16, headDim: 8 }
train: { labels: { scales: [1] } }
`

test('weights of another number of classes say so, with the shapes', async () => {
  const file = join(await temporaryFolder([]), 'last.safetensors')
  const recipe = parseRecipe(RECIPE, 'mine.yaml')
  const [three, four] = [
    await buildMethod(recipe, { numClasses: 3 }),
    await buildMethod(recipe, { numClasses: 4 }),
  ]
  await saveWeights(file, three.network, {})
  const options = { classes: ['a', 'b', 'c', 'd'], log: silentLog() }
  await expect(loadPublished(four, file, options)).rejects.toThrow(
    `${file} (maps.weights): is of another number of classes: decoder.linear_pred.weight is [4, 8, 1, 1], the network's [5, 8, 1, 1]; weights that`,
  )
  await loadPublished(three, file, { ...options, classes: ['a', 'b', 'c'] })
  for (const { network } of [three, four]) network.dispose()
})
