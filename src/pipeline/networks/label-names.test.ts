import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseRecipe } from '../recipe/load.ts'
import { parseSet } from '../recipe/overrides.ts'
import { runFolder } from '../run/run-folder.ts'
import { readLabelNames, writeLabelNames } from './build-segmentation.ts'

let folder = ''
const recipe = parseRecipe('method: mctformer\n', 'x', [parseSet('segment={}')])

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-names-'))
})
afterAll(() => rm(folder, { recursive: true }))

it('any class names come back from labels.txt beside the weights', async () => {
  const run = runFolder(folder)
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a\nb', '"', '"a"', ' a ', '', 'x\r', 'a\\n'),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 8 }), async names => {
      await writeLabelNames(run.segmentCheckpoints, names)
      expect(await readLabelNames(recipe, run)).toEqual(names)
      expect((await readFile(join(run.segmentCheckpoints, 'labels.txt'), 'utf8')).split('\n')).toHaveLength(
        names.length + 2,
      )
    }),
    { numRuns: 40 },
  )
  await expect(readLabelNames({ ...recipe, segment: null }, run)).rejects.toThrow(
    /its recipe has no section segment: add it with tagmask run .* --resume-with-changes --set segment={}$/,
  )
  const many = Array.from({ length: 255 }, (_, k) => `c${k}`)
  await writeLabelNames(run.segmentCheckpoints, many)
  await expect(readLabelNames(recipe, run)).rejects.toThrow(
    `${join(run.segmentCheckpoints, 'labels.txt')}: names 255 classes; masks of 8 bits have room for 254: train with fewer`,
  )
  await writeLabelNames(run.segmentCheckpoints, many.slice(1))
  expect(await readLabelNames(recipe, run)).toHaveLength(254)
  await writeFile(join(run.segmentCheckpoints, 'labels.txt'), 'background\ncat\n"quoted\n') // as written before
  expect(await readLabelNames(recipe, run)).toEqual(['cat', '"quoted'])
})
