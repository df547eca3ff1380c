import { expect, test } from 'vitest'
import { parseRecipe } from '../pipeline/recipe/load.ts'
import { overridesOf } from './run-flags.ts'

const select = (how: 'last' | 'tags' | 'gt-miou') =>
  overridesOf({ runs: 'runs', select: how }).map(({ path, value }) => `${path.join('.')}=${value}`)

test('--select says which weights maps are made with, and what is judged on the way', () => {
  expect(select('last')).toEqual(['maps.checkpoint=last'])
  expect(select('tags')).toEqual(['maps.checkpoint=best', 'train.select=tags'])
  expect(select('gt-miou')).toEqual(['maps.checkpoint=best', 'train.select=gt-miou'])
  expect(overridesOf({ runs: 'runs' })).toEqual([])
  const { maps, train } = parseRecipe(
    'method: weaktr\nmaps: { checkpoint: best }\ntrain: { select: gt-miou }\n',
    'x',
  )
  expect([maps.checkpoint, train.select]).toEqual(['best', 'gt-miou']) // needs no data.valSplit
})
