/** @file CAMs and labels of images that pass through the network together are those of each alone. */
import { expect, test } from 'vitest'
import { manualSeed, noGrad, ops, scope } from '../../torch/index.ts'
import { buildMethod } from '../networks/build-method.ts'
import { buildSegmentation } from '../networks/build-segmentation.ts'
import { parseRecipe } from '../recipe/load.ts'
import { imageCams } from './image-cams.ts'

const WIDTH = 'width: { embedDim: 24, depth: 2, heads: 2 }, patchSize: 8, imageSize: 32'
const RECIPES = {
  mctformer: `model: { ${WIDTH} }\nmaps: { layers: 2, scales: [1, 1.5] }`,
  weaktr: `model: { ${WIDTH}, fusion: { kind: aaf, reduction: 2 } }\nmaps: { scales: [1, 1.5] }`,
  cti: `model: { ${WIDTH} }\ntrain: { infusion: 0 }`,
  cam: `model: { ${WIDTH} }\nmaps: { layers: 2 }`,
  semformer: `model: { ${WIDTH} }\nmaps: { craLayers: 2, scales: [1, 1.5] }`,
  afa: `model: { backbone: deit-ti, imageSize: 32 }`,
  'afa, spread': `model: { backbone: deit-ti, imageSize: 32 }\nmaps: { spread: true }`,
}

function noise(length: number): Float32Array {
  return ops.randn([length]).toFloat32Array()
}

function greatest(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length)
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0)
}

test.each(Object.entries(RECIPES))('CAMs of %s', async (kind, text) => {
  manualSeed(5) // other weights may make maps of rounding alone
  const recipe = parseRecipe(`method: ${kind.split(',')[0]}\n${text}`, 'recipe')
  const method = await buildMethod(recipe, { numClasses: 4 })
  method.network.eval()
  const images = [[0, 2], [3], [1, 2, 3]].map(tags => ({
    sample: { id: 'x', image: 'x', mask: undefined, tags },
    views: recipe.maps.scales.map(scale => {
      const [width, height] = [40 * scale, 32 * scale]
      return { scale, width, height, data: noise(3 * width * height) }
    }),
  }))
  const cams = (some: typeof images): Float32Array[] =>
    noGrad(() => scope(() => imageCams(method, recipe, some).map(cam => cam.toFloat32Array())))
  const together = cams(images)
  const alone = images.map(image => cams([image])[0]!)
  expect(together.map(({ length }) => length)).toEqual([2, 1, 3].map(tags => tags * 40 * 32))
  // maps of random weights are nearly flat: what stretches them to [0, 1] does so to rounding, too
  for (const [i, cam] of together.entries()) expect(greatest(cam, alone[i]!)).toBeLessThan(2e-3)
  expect(greatest(together[0]!.subarray(0, 1280), together[1]!)).toBeGreaterThan(0.1)
  method.network.dispose()
})

test.each(['convolutional', 'segmenter'])('labels of the %s network', network => {
  const combine = network === 'segmenter' ? 'predict: { combine: mean, alignCorners: false }' : ''
  const recipe = parseRecipe(
    `method: mctformer\nmodel: { ${WIDTH} }\nmaps: { layers: 2 }\nsegment: { backbone: model, network: ${network}, cropSize: 32 }\n${combine}`,
    'recipe',
  )
  const labeller = buildSegmentation(recipe, recipe.segment!, { labels: 5 }).eval()
  noGrad(() =>
    scope(() => {
      const images = ops.randn([3, 3, 40, 48])
      const look = { ...recipe.predict, cropSize: 32 }
      const together = labeller.probabilities(images, look)
      for (const way of ['single', 'multi'] as const) {
        expect(together[way].shape).toEqual([3, 5, 40, 48])
        for (let i = 0; i < 3; i++) {
          const alone = labeller.probabilities(images.narrow(0, i, 1), look)[way]
          const own = together[way].select(0, i).toFloat32Array()
          expect(greatest(own, alone.toFloat32Array())).toBeLessThan(1e-5)
        }
      }
    }),
  )
  labeller.dispose()
})
