/** @file By the estimate, what a bundled recipe does to an image of a public data set fits into the memory that it takes by default. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../io/package-root.ts'
import { denseMemory } from '../../models/encoder-memory.ts'
import { refineMemory } from '../../refine/crf-memory.ts'
import { backboneShape } from '../recipe/backbone.ts'
import { loadRecipe } from '../recipe/load.ts'
import { mapsMemory, predictMemory, walkMemory } from './step-memory.ts'

const own = { width: 500, height: 500 } // VOC's largest
const sizes = { own, working: own, tags: 6 }

/** Not those of the generated images: they are for 96 x 96 pixels, with patches of 8. */
const recipes = readdirSync(join(packageRoot(), 'recipes'))
  .filter(name => name.endsWith('.yaml') && !name.includes('demo'))
  .map(name => name.slice(0, -'.yaml'.length))

test.each(recipes)('%s never shrinks an image of 500 x 500 pixels', async name => {
  const { recipe } = await loadRecipe(name, {})
  const { predict, segment } = recipe
  const classes = name.includes('coco') ? 80 : 20
  const labels = classes + 1
  const most = 1e6 * recipe.memory
  const at = (precision: typeof recipe.precision) => ({ ...recipe, precision, device: 'cpu' })
  for (const one of [at('fp32'), at('bf16')]) {
    expect(mapsMemory(one, { ...sizes, classes }), 'maps').toBeLessThan(most)
    expect(walkMemory(one, sizes), 'walk').toBeLessThan(most)
    if (segment === null) continue
    const body = backboneShape(segment.backbone, recipe)
    const memory = (look: Parameters<typeof denseMemory>[1]) => denseMemory(body, look).bytes
    const network = { labels, shape: { windows: segment.network === 'segmenter', memory } }
    const look = { ...one, ...predict, cropSize: segment.cropSize, ways: ['ms', 'ms-crf'] } as const
    expect(predictMemory(look, network, sizes), 'predict').toBeLessThan(most)
  }
  expect(refineMemory({ ...sizes, labels: sizes.tags + 1 }), 'dense CRF').toBeLessThan(most)
})
