/** @file affinity/labels/ID.safetensors: class maps twice through the dense CRF. Part of the stage `affinity`. */
import { join } from 'node:path'
import type { Picture } from '../../data/dataset.ts'
import { writeScoreVolumes } from '../../data/score-volumes.ts'
import { InputError } from '../../errors.ts'
import type { RgbImage } from '../../io/image.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { crfClassMaps } from '../../refine/cam-crf.ts'
import { refineMemory } from '../../refine/crf-memory.ts'
import { crfThreads } from '../../refine/dense-crf.ts'
import { ops, scope, tensor } from '../../torch/index.ts'
import { classMapFile } from '../class-map-file.ts'
import { exists } from '../each-picture.ts'
import { readMapsAndImage } from '../maps-and-image.ts'
import { fromHere } from '../run-folder.ts'
import type { StageContext } from '../stage.ts'
import { eachImage } from './each-image.ts'

/** The label scores of one picture. */
export function affinityLabelFile(folder: string, { id }: Pick<Picture, 'id'>): string {
  return join(folder, `${id}.safetensors`)
}

/**
 * The pictures that have class maps. Names those with tags that have none, or throws under `strict`. Throws InputError
 * when there are no maps at all.
 */
export async function withMaps({ dataset, recipe, run, log }: StageContext): Promise<Picture[]> {
  const tagged = dataset.pictures.filter(({ tags }) => tags.length > 0)
  const there = await Promise.all(tagged.map(picture => exists(classMapFile(run.maps, picture))))
  const absent = tagged.filter((_, i) => !there[i])
  if (absent.length > 0) {
    const names = `${absent
      .slice(0, 3)
      .map(({ id }) => id)
      .join(', ')}${absent.length > 3 ? ', ...' : ''}`
    const problem = `${absent.length} of ${tagged.length} tagged pictures have no class map`
    if (recipe.strict || absent.length === tagged.length)
      throw new InputError(fromHere(run.maps), `${problem}: ${names}`, {
        expected: 'run the stage maps again',
      })
    log.warn(`${problem} and are left out: ${names}`)
  }
  return tagged.filter((_, i) => there[i])
}

/**
 * Writes the files that are not there yet, as many pictures at once as there are threads and memory; the CRF runs off the
 * main thread.
 */
export async function writeAffinityLabels(
  context: StageContext,
  pictures: readonly Picture[],
): Promise<void> {
  const { recipe, run } = context
  const { low, high, crf } = recipe.affinity.labels
  await eachImage(
    context,
    pictures,
    picture => affinityLabelFile(run.affinityLabels, picture),
    async (picture, file, sizeOf) => {
      const source = classMapFile(run.maps, picture)
      const { image, own, maps: cams } = await readMapsAndImage(source, picture, { sizeOf })
      const volumes: TensorData[] = []
      for (const alpha of [low, high]) {
        const scores = await crfClassMaps({ image, cams, alpha, name: source, threads: 1, ...crf })
        volumes.push(volumeOf([...scores.values()], image))
      }
      const classes = [...cams.keys()]
      await writeScoreVolumes(file, { low: volumes[0]!, high: volumes[1]!, classes, of: own })
    },
    {
      title: 'affinity labels',
      lacks: 'no affinity labels',
      atOnce: crfThreads(recipe.threads),
      memoryOf: ({ own, working, picture: { tags } }) =>
        refineMemory({ own, working, labels: tags.length + 1 }) +
        8 * working.width * working.height * (tags.length + 1),
    },
  )
}

/** [channels, height, width] in half precision: a probability needs no more. */
function volumeOf(planes: readonly Float32Array[], { width, height }: RgbImage): TensorData {
  return scope(() => {
    const stacked = ops.stack(planes.map(plane => tensor(plane, [height, width])))
    return ops.toDtype(stacked, 'float16').toData()
  })
}
