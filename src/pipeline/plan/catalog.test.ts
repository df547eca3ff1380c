import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { bundledNames } from '../recipe/find.ts'
import { catalogText, entryText, roughly } from './catalog-text.ts'
import { catalogEntry, purposeOf, recipeCatalog } from './recipe-catalog.ts'

test('every bundled recipe is there, with what it is for, its weights, and times that grow', async () => {
  const entries = await recipeCatalog()
  expect(entries.map(({ name }) => name)).toEqual(await bundledNames())
  for (const { name, purpose, estimates } of entries) {
    expect(purpose.length, name).toBeGreaterThan(20)
    expect(purpose, name).not.toMatch(/^#|tagmask (run|demo)/)
    const seconds = estimates.map(estimate => estimate.seconds)
    expect(seconds, name).toEqual(seconds.toSorted((a, b) => a - b))
  }
  const weights = Object.fromEntries(entries.map(entry => [entry.name, entry.weights]))
  expect(weights).toMatchObject({
    mctformer_demo: [],
    photos_cpu: ['deit-ti'],
    'afa_mit-b1_voc12': ['mit-b1'],
    'cti_deit-s_voc12': ['deit-s', 'resnet38 for affinity', 'resnet38 for segment'],
    'semformer_deit-ti_voc-mini': ['deit-ti for autoencoder', 'deit-ti'],
  })
  const lines = catalogText(entries).split('\n')
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(100)
  expect(lines[0]).toMatch(/^recipe +method +weights +100 +500 +5,000$/)
  expect(lines).toContainEqual(expect.stringMatching(/^photos_cpu +mctformer +deit-ti +\d.* min/))
  const cti = await recipeCatalog({ method: 'cti' })
  expect(new Set(cti.map(({ method }) => method))).toEqual(new Set(['cti']))
})

test('one recipe: its file, and a row for each stage; a file of the user too', async () => {
  const folder = await temporaryFolder({ 'mine.yaml': '# For my cats.\nmethod: cam\n' })
  const entry = await catalogEntry(`${folder}/mine.yaml`)
  expect(entry).toMatchObject({ name: 'mine', purpose: 'For my cats.', weights: ['deit-s'] })
  const text = entryText(entry, { yaml: '# For my cats.\nmethod: cam\n' })
  expect(text).toMatch(
    /^# For my cats\.\nmethod: cam\n\nweights to give: deit-s\n\nstage +100 images +500 images/,
  )
  expect(text).toMatch(/\nmaps .*\nevaluate .*\nresult .*\nreport .*\nall /)
})

test.each([
  ['# A. B\n# C.\nmethod: x\n', 'A.'],
  ['# Photos of 1.5 MB: fast.\n', 'Photos of 1.5 MB: fast.'],
  ['# In minutes: tagmask demo\n# More.\n', 'In minutes'],
  ['method: x\n', ''],
])('%j is for %j', (text, purpose) => {
  expect(purposeOf(text)).toBe(purpose)
})

test.each([
  [0.2, '1 s'],
  [89, '89 s'],
  [90, '1.5 min'],
  [700, '12 min'],
  [5400, '1.5 h'],
  [86_400, '24 h'],
  [400_000, '4.6 d'],
  [Number.NaN, '?'],
])('%d seconds are roughly %s', (seconds, text) => {
  expect(roughly(seconds)).toBe(text)
})
