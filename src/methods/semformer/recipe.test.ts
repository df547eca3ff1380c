import { expect, test } from 'vitest'
import { z } from 'zod'
import { METHODS } from '../list.ts'
import {
  autoencoderRecipe,
  checkSemformer,
  semformerMapsFields,
  semformerModelRecipe,
  semformerTrainFields,
} from './recipe.ts'

const maps = z.strictObject(semformerMapsFields)

function check({
  model = {},
  autoencoder = {},
  ...own
}: {
  model?: z.input<typeof semformerModelRecipe>
  autoencoder?: z.input<typeof autoencoderRecipe>
  maps?: z.input<typeof maps>
}) {
  return checkSemformer({
    model: semformerModelRecipe.parse(model),
    autoencoder: autoencoderRecipe.parse(autoencoder),
    maps: maps.parse(own.maps ?? {}),
  }).map(({ path, message }) => [path.join('.'), message])
}

test('the defaults are the published settings', () => {
  expect(check({})).toEqual([])
  const train = z.object(semformerTrainFields).parse({})
  expect(train).toMatchObject({
    epochs: 20,
    batchSize: 8,
    optimiser: { kind: 'sgd', lr: 0.005, nesterov: true, weightDecay: 5e-4, momentumBug: true },
    schedule: { kind: 'poly', power: 0.9, warmupSteps: 0 },
    augment: { longSide: [224, 896], filter: 'bicubic', padding: 'mean', jitter: { hue: 0.1 } },
    losses: { similarity: 1, foreground: 1, background: 1, suppression: 0.075, complement: 1 },
    rateFactors: [1, 2, 10, 20],
  })
  expect(autoencoderRecipe.parse({})).toMatchObject({
    width: 'deit-b',
    distilled: true,
    decoder: { width: 768, depth: 8 },
    epochs: 200,
    batchSize: 64,
    optimiser: { kind: 'sgd', lr: 0.025, momentumBug: true },
    augment: { kind: 'expanded-crop', expand: [1, 3], crop: { scale: [0.08, 1] } },
  })
  expect(maps.parse({})).toMatchObject({ scales: [0.5, 1, 1.5, 2], cra: true, craLayers: 4, merge: 'sum' })
})

test('what does not fit together is said', () => {
  expect(check({ maps: { craLayers: 13 } })).toEqual([
    ['maps.craLayers', "is more than the network's 12 blocks; expected at most 12"],
  ])
  expect(check({ autoencoder: { decoder: { width: 100 } } })).toEqual([
    ['autoencoder.decoder.width', "is not a multiple of the encoder's 12 heads; expected one, such as 108"],
  ])
  expect(check({ autoencoder: { epochs: null } })).toEqual([
    ['autoencoder.epochs', 'needs autoencoder.steps; expected a number for one of the two'],
  ])
  expect(check({ autoencoder: { epochs: null, steps: 9, schedule: { kind: 'cosine-epoch' } } })).toEqual([
    [
      'autoencoder.epochs',
      'needs a schedule of steps; expected autoencoder.schedule.kind cosine-step or poly, or a number',
    ],
  ])
  expect(check({ autoencoder: { validateEvery: 0 } })).toEqual([
    [
      'autoencoder.checkpoint',
      'needs a validation; expected autoencoder.validateEvery of at least 1, or last',
    ],
  ])
})

test('only SemFormer has a section of an autoencoder', () => {
  expect(METHODS.filter(({ further }) => further !== undefined).map(({ name }) => name)).toEqual([
    'semformer',
  ])
})
