/** @file maps: the stage maps end to end, from JPEGs on the disk to a file of CAMs for each. */
import { mkdir, rm } from 'node:fs/promises'
import { buildMethod, trainedWeights } from '../../src/pipeline/networks/build-method.ts'
import { loadRecipe } from '../../src/pipeline/recipe/load.ts'
import { runFolder } from '../../src/pipeline/run/run-folder.ts'
import type { StageContext } from '../../src/pipeline/run/stage.ts'
import { mapsStage } from '../../src/pipeline/stages/maps/maps.ts'
import { checkDevice, countMultiplyAdds, manualSeed, ops, scope } from '../../src/torch/index.ts'
import { saveWeights } from '../../src/train/checkpoint.ts'
import { silentLog } from '../../src/train/log.ts'
import { MADE, openImages, SMALL } from '../files.ts'
import { productsFloor } from '../floors.ts'
import type { Row } from '../row.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const IMAGES = 100

export const maps: Row = {
  name: 'maps',
  title: `the stage maps of MCTformer-V2, DeiT-S: ${IMAGES} JPEGs of 375 x 500 pixels, flip, refined, written to the disk`,
  unit: 'images/s',
  byPrecision: true,
  bars: [
    { of: 'share', bound: 0.7, precision: 'fp32' },
    { of: 'share', bound: 0.6, precision: 'bf16' },
  ],
  async prepare({ precision, quick, ...conditions }) {
    const device = checkDevice(conditions.device)
    const folder = temporaryFolder()
    const { dataset } = await openImages(folder.path, { quick, data: undefined })
    const set = [`precision=${precision}`, `device=${device}`, 'data.workers=1']
    const { recipe } = await loadRecipe('mctformer-v2_deit-s_voc12', { set })
    const samples = dataset.samples.slice(0, IMAGES)
    const run = runFolder(folder.path)
    const context: StageContext = {
      recipe,
      dataset: { ...dataset, samples },
      valDataset: undefined,
      run,
      log: silentLog(),
      signal: new AbortController().signal,
    }
    await mkdir(run.checkpoints)
    const multiplyAdds = await randomWeights(context, quick ? SMALL : MADE)
    return {
      amount: samples.length,
      async ours() {
        await rm(run.maps, { recursive: true, force: true })
        await rm(run.classTokens, { force: true })
        await mkdir(run.maps)
        await mapsStage(context)
      },
      peer: { missing: undefined },
      floor: productsFloor(samples.length * multiplyAdds, { precision, device }),
      close: folder.remove,
    }
  },
}

/** Writes weights that the stage loads; the multiply-adds of an image's CAMs. */
async function randomWeights(
  { recipe, run, dataset }: Pick<StageContext, 'recipe' | 'run' | 'dataset'>,
  { width, height }: { width: number; height: number },
): Promise<number> {
  manualSeed(0)
  const method = await buildMethod(recipe, { numClasses: dataset.classes.length })
  try {
    await saveWeights(trainedWeights(recipe, run), method.network, {})
    method.network.eval()
    const image = ops.randn([1, 3, height, width], { device: recipe.device })
    return scope(() => countMultiplyAdds(() => method.imageCams([{ views: [image], classes: [0] }])).total)
  } finally {
    method.network.dispose()
  }
}
