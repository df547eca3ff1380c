/** @file Stage `refine`: from CAMs to the pseudo masks that segmentation is trained on. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Sample, tagged } from '../../../data/dataset.ts'
import { normalise } from '../../../data/transforms/normalise.ts'
import { type Cams, predictLabels } from '../../../evaluate/index.ts'
import { writeLabelMap } from '../../../io/indexed-png.ts'
import { crfLabels } from '../../../refine/cam-crf.ts'
import { refineMemory } from '../../../refine/crf-memory.ts'
import { crfThreads } from '../../../refine/dense-crf.ts'
import { crfHardLabels } from '../../../refine/label-crf.ts'
import { parImageMemory, parLabels } from '../../../refine/par/index.ts'
import { ops, scope, tensor } from '../../../torch/index.ts'
import { camFile, readCams, writeCams } from '../../images/cam-file.ts'
import { readCamsAndImage } from '../../images/cams-and-image.ts'
import { eachImage } from '../../images/each-image.ts'
import { fullSizeCams } from '../../images/image-cams.ts'
import { limitsOf } from '../../images/image-pass.ts'
import { shardOf } from '../../images/shard.ts'
import { withinRecipe } from '../../images/sized-views.ts'
import { type Size, walkMemory } from '../../images/step-memory.ts'
import { loadAffinity } from '../../networks/build-affinity.ts'
import { writeLegend } from '../../out/write-legend.ts'
import { walks } from '../../recipe/refine.ts'
import type { StageContext } from '../../run/stage.ts'
import { takeOver } from '../../run/take-stage.ts'
import { withCams } from '../affinity/affinity-labels.ts'
import { pseudoMaskFile } from './pseudo-masks.ts'
import { chooseBackground, scorePseudoMasks } from './refine-scores.ts'
import { writeSureMasks } from './sure-masks.ts'

/**
 * Writes pseudo-masks/ID.png, for the walk also refined/ID.safetensors, for `refine.sure` also sure-masks/ID.png, and how
 * well the first meet the masks where there are any; what is there is kept. Images without maps are named and have none. A shard makes
 * the files of its images; the masks at a background score that is swept are left to the pass over all.
 */
export async function refineStage(context: StageContext): Promise<void> {
  const { recipe, dataset, run, shard } = context
  const { method, sure } = recipe.refine
  await mkdir(run.pseudoMasks, { recursive: true })
  const own = new Set(shardOf(tagged(dataset), shard))
  const samples = (await withCams(context)).filter(sample => own.has(sample))
  const maps = walks(recipe.refine) ? run.refined : run.maps
  const lost = new Set<string>()
  const without = (ids: readonly string[]): void => {
    for (const id of ids) lost.add(id)
  }
  const open = (): Sample[] => samples.filter(({ id }) => !lost.has(id)) // each is named once
  if (walks(recipe.refine)) {
    await mkdir(run.refined, { recursive: true })
    without(await walkImages(context, samples))
  }
  if (sure !== null) without(await writeSureMasks(context, open(), { maps, sure }))
  if (method === 'none') {
    without(await takeSeedMasks(context, open()))
    return
  }
  if (shard !== undefined && recipe.refine.background === 'sweep') return
  const background = await chooseBackground(context, maps)
  without(await writePseudoMasks(context, open(), { maps, background: background.value }))
  if (shard === undefined) await scorePseudoMasks(context, background)
}

/** The masks of evaluate, which has scored them, are the pseudo masks. */
function takeSeedMasks(context: StageContext, samples: readonly Sample[]): Promise<readonly string[]> {
  const { run } = context
  return eachImage(
    samples,
    sample => pseudoMaskFile(run.pseudoMasks, sample),
    ({ id }, file) => takeOver(join(run.masks, `${id}.png`), file),
    { ...limitsOf(context), title: 'pseudo masks' },
  )
}

/** CAMs after the random walk, one image at a time. Returns the ids of images that have none. */
async function walkImages(context: StageContext, samples: readonly Sample[]): Promise<readonly string[]> {
  const { recipe, dataset, run } = context
  const { device, normalise: normalisation } = recipe
  const { storage } = recipe.maps
  const learner = await loadAffinity(recipe, run, { numClasses: dataset.classes.length })
  const walk = async (sample: Sample, file: string, sizeOf: (own: Size) => Size): Promise<void> => {
    const source = camFile(run.maps, sample)
    const { image, own, ...seed } = await readCamsAndImage(source, sample, { sizeOf })
    const { width, height } = image
    const maps = scope(() => {
      const input = tensor(normalise(image, normalisation), [1, 3, height, width]).to({ device })
      return learner.walkedMaps(input, seed)
    })
    const cam = scope(() => {
      const planes = [...maps.values()].map(map => tensor(map, [height, width]))
      return fullSizeCams(ops.stack(planes), own, storage)
    })
    await writeCams(file, { cam, classes: [...maps.keys()] })
  }
  try {
    return await eachImage(samples, sample => camFile(run.refined, sample), walk, {
      ...limitsOf(context),
      title: 'walk',
      within: withinRecipe(recipe, ({ own, working, sample: { tags } }) =>
        walkMemory(recipe, { own, working, tags: tags.length }),
      ),
    })
  } finally {
    learner.network.dispose()
  }
}

/** Labels of every image whose maps are in the folder. Returns the ids of images that have none. */
async function writePseudoMasks(
  context: StageContext,
  samples: readonly Sample[],
  { maps, background }: { maps: string; background: number },
): Promise<readonly string[]> {
  const { recipe, dataset, run, shard } = context
  const { method, crf, par, unary, gtProb } = recipe.refine
  const labels = dataset.classes.length + 1
  if (shard === undefined) await writeLegend(run, dataset)
  const limits = { ...limitsOf(context), title: 'pseudo masks' }
  const target = (sample: Sample): string => pseudoMaskFile(run.pseudoMasks, sample)
  const write = async (sample: Sample, file: string, sizeOf: (own: Size) => Size): Promise<void> => {
    const source = camFile(maps, sample)
    const { image, own: size, ...cams } = await readCamsAndImage(source, sample, { sizeOf })
    const options = { image, size, name: source, threads: 1 }
    const scores = { cams: cams.maps, background }
    if (method === 'par') return writeLabelMap(file, await parLabels({ ...options, ...scores, ...par }))
    const mask =
      unary === 'scores'
        ? crfLabels({ ...options, ...scores, ...crf })
        : crfHardLabels({
            ...options,
            ...crf,
            labels: predictLabels(cams, { labels, threshold: background, file: source }),
            present: presentLabels(cams),
            gtProb,
          })
    await writeLabelMap(file, await mask)
  }
  const alone = async (sample: Sample, file: string): Promise<void> => {
    const source = camFile(maps, sample)
    const cams = await readCams(source)
    await writeLabelMap(file, predictLabels(cams, { labels, threshold: background, file: source }))
  }
  if (method === 'affinity') return eachImage(samples, target, alone, limits)
  return eachImage(samples, target, write, {
    ...limits,
    atOnce: crfThreads(recipe.threads),
    within: withinRecipe(recipe, ({ own, working, sample: { tags } }) => {
      const sizes = { own, working, labels: tags.length + 1 }
      return method === 'par' ? parImageMemory(sizes, par) : refineMemory(sizes)
    }),
  })
}

/** Background and the classes that have a map. */
function presentLabels({ maps }: Cams): number[] {
  return [0, ...Array.from(maps.keys(), k => k + 1)]
}
