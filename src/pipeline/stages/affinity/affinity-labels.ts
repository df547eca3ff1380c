/** @file affinity/labels/: CAMs twice through the dense CRF, as scores (ID.safetensors) or labels (ID.png). Part of the stage `affinity`. */
import { join } from 'node:path'
import { type Sample, tagged } from '../../../data/dataset.ts'
import { sample } from '../../../data/listing.ts'
import { writeScoreVolumes } from '../../../data/score-volumes.ts'
import { InputError } from '../../../errors.ts'
import { type Cams, predictLabels } from '../../../evaluate/index.ts'
import { count } from '../../../io/count.ts'
import type { RgbImage } from '../../../io/image.ts'
import { type LabelMap, writeLabelMap } from '../../../io/indexed-png.ts'
import type { TensorData } from '../../../io/tensor-data.ts'
import { crfCams } from '../../../refine/cam-crf.ts'
import { refineMemory } from '../../../refine/crf-memory.ts'
import { crfThreads } from '../../../refine/dense-crf.ts'
import { thresholdLabels } from '../../../refine/edge-walk/index.ts'
import { ops, scope, tensor } from '../../../torch/index.ts'
import { camFile } from '../../images/cam-file.ts'
import { readCamsAndImage } from '../../images/cams-and-image.ts'
import { eachImage } from '../../images/each-image.ts'
import { exists, limitsOf } from '../../images/image-pass.ts'
import { mapInParallel } from '../../images/in-parallel.ts'
import { notNamed } from '../../images/lost-images.ts'
import { withinRecipe } from '../../images/sized-views.ts'
import type { AffinityRecipe } from '../../recipe/refine.ts'
import { fromHere } from '../../run/run-folder.ts'
import type { StageContext } from '../../run/stage.ts'

/** The label scores of one image, or its labels. */
export function affinityLabelFile(
  { recipe, run }: Pick<StageContext, 'recipe' | 'run'>,
  { id }: Pick<Sample, 'id'>,
): string {
  const ending = recipe.affinity.labels.thresholds === null ? 'safetensors' : 'png'
  return join(run.affinityLabels, `${id}.${ending}`)
}

/**
 * The images that have CAMs. Names tagged ones that have none and that no stage has named, or throws under `strict`. Throws
 * InputError when there are no CAMs.
 */
export async function withCams({ dataset, recipe, run, log }: StageContext): Promise<Sample[]> {
  const wanted = tagged(dataset)
  const there = await mapInParallel(wanted, sample => exists(camFile(run.maps, sample)))
  const absent = wanted.filter((_, i) => !there[i])
  if (absent.length > 0) {
    const problem = `${absent.length} of ${count(wanted.length, 'tagged image')} without a CAM`
    if (recipe.strict || absent.length === wanted.length)
      throw new InputError(fromHere(run.maps), `${problem}: ${sample(absent.map(({ id }) => id))}`, {
        expected: 'recompute the CAMs: rerun the stage maps',
      })
    const unnamed = await notNamed(run.lostImages, absent)
    if (unnamed.length > 0) log.warn(`${problem}, left out: ${sample(unnamed)}`)
  }
  return wanted.filter((_, i) => there[i])
}

/**
 * Writes the missing files, as many images at once as threads and memory allow; the CRF runs off the main thread.
 */
export async function writeAffinityLabels(context: StageContext, samples: readonly Sample[]): Promise<void> {
  const { recipe, run } = context
  const { low, high, crf, thresholds } = recipe.affinity.labels
  await eachImage(
    samples,
    sample => affinityLabelFile(context, sample),
    async (sample, file, sizeOf) => {
      const source = camFile(run.maps, sample)
      const { image, own, ...seen } = await readCamsAndImage(source, sample, { sizeOf })
      if (thresholds !== null) {
        await writeLabelMap(file, await labelsOf(seen, { image, source, thresholds }))
        return
      }
      const { maps: cams } = seen
      const volumes: TensorData[] = []
      for (const alpha of [low, high]) {
        const scores = await crfCams({ image, cams, alpha, name: source, threads: 1, ...crf })
        volumes.push(volumeOf([...scores.values()], image))
      }
      const classes = [...cams.keys()]
      await writeScoreVolumes(file, { low: volumes[0]!, high: volumes[1]!, classes, of: own })
    },
    {
      ...limitsOf(context),
      title: 'affinity labels',
      atOnce: crfThreads(recipe.threads),
      within: withinRecipe(recipe, ({ own, working, sample: { tags } }) => {
        const labels = tags.length + 1
        return refineMemory({ own, working, labels }) + 8 * working.width * working.height * labels
      }),
    },
  )
}

/** The labels of CAMs at two background scores. */
function labelsOf(
  cams: Cams,
  {
    image,
    source,
    thresholds: { foreground, background, gtProb, crf },
  }: { image: RgbImage; source: string; thresholds: NonNullable<AffinityRecipe['labels']['thresholds']> },
): Promise<LabelMap> {
  const present = [0, ...Array.from(cams.maps.keys(), k => k + 1)]
  const at = (threshold: number): LabelMap =>
    predictLabels(cams, { labels: Math.max(...present) + 1, threshold, file: source })
  const labels = { foreground: at(foreground), background: at(background) }
  return thresholdLabels({ image, ...labels, present, gtProb, name: source, threads: 1, ...crf })
}

/** [channels, height, width] in half precision: a probability needs no more. */
function volumeOf(planes: readonly Float32Array[], { width, height }: RgbImage): TensorData {
  return scope(() => {
    const stacked = ops.stack(planes.map(plane => tensor(plane, [height, width])))
    return ops.toDtype(stacked, 'float16').toData()
  })
}
