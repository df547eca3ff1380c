import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDataset } from '../../../data/dataset.ts'
import { writeImage } from '../../../io/image.ts'
import { readLabelMap, writeLabelMap } from '../../../io/indexed-png.ts'
import { fromFloat32 } from '../../../io/tensor-data.ts'
import { silentLog } from '../../../train/log.ts'
import { writeCams } from '../../images/cam-file.ts'
import { parseRecipe } from '../../recipe/load.ts'
import { parseSet } from '../../recipe/overrides.ts'
import { openRunFolder } from '../../run/run-folder.ts'
import { refineStage } from './refine.ts'
import type { RefineScoresFile } from './refine-scores.ts'

// A dark cat on the left of a bright ground. Specks of the ground have the strongest map: wrong labels, surrounded by right ones.
const width = 24
const height = 16
const isCat = (p: number): boolean => p % width < width / 2
const isSpeck = (p: number): boolean => p % 61 === 0 && !isCat(p)
const plane = <T>(value: (p: number) => T): T[] => Array.from({ length: width * height }, (_, p) => value(p))

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tagmask-refine-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('the dense CRF starts from labels where the recipe says so', async () => {
  const root = join(folder, 'data')
  for (const name of ['images', 'masks']) await mkdir(join(root, name), { recursive: true })
  const pixels = Uint8Array.from(plane(p => (isCat(p) ? 20 : 220)).flatMap(grey => [grey, grey, grey]))
  await writeImage(join(root, 'images', 'a.png'), { width, height, data: pixels })
  const truth = Uint8Array.from(plane(p => (isCat(p) ? 1 : 0)))
  await writeLabelMap(join(root, 'masks', 'a.png'), { width, height, data: truth })
  await writeFile(join(root, 'tags.csv'), 'file,tags\na.png,cat\n')
  const maps = Float32Array.from(plane(p => (isSpeck(p) ? 1 : isCat(p) ? 0.45 : 0)))

  async function refine(...set: string[]): Promise<{ mask: Uint8Array; file: RefineScoresFile }> {
    const keys = [`data.root=${root}`, 'refine.method=crf', 'refine.crf.gaussian=null', ...set]
    const recipe = parseRecipe('method: weaktr\n', 'x', keys.map(parseSet))
    const run = await openRunFolder(join(folder, set.join() || 'run'), recipe)
    const cam = fromFloat32(maps, [1, height, width])
    await writeCams(join(run.maps, 'a.safetensors'), { cam, classes: [0] })
    const dataset = await openDataset(root)
    const signal = new AbortController().signal
    await refineStage({ recipe, run, dataset, valDataset: undefined, signal, log: silentLog() })
    const { data } = await readLabelMap(join(run.pseudoMasks, 'a.png'))
    const file = JSON.parse(await readFile(run.refineScores, 'utf8')) as RefineScoresFile
    return { mask: data, file }
  }

  const { mask, file } = await refine('refine.unary=labels')
  expect(mask).toEqual(truth)
  expect(file.scores[0]).toMatchObject({ metric: 'seed+crf', miou: expect.closeTo(100, 6) })
  const believed = await refine('refine.unary=labels', 'refine.gtProb=0.9999999999')
  expect([...believed.mask]).toEqual(plane(p => (isCat(p) || isSpeck(p) ? 1 : 0)))
})
