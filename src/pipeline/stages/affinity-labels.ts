/** @file affinity/labels/ID.safetensors: class maps twice through the dense CRF. Part of the stage `affinity`. */
import { join } from 'node:path'
import type { Picture } from '../../data/dataset.ts'
import { writeScoreVolumes } from '../../data/score-volumes.ts'
import { resize } from '../../data/transforms/resize.ts'
import { InputError } from '../../errors.ts'
import type { ClassMaps } from '../../evaluate/index.ts'
import { memoryBudget } from '../../io/available-memory.ts'
import { type RgbImage, readImage } from '../../io/image.ts'
import type { TensorData } from '../../io/tensor-data.ts'
import { crfClassMaps } from '../../refine/cam-crf.ts'
import { crfThreads } from '../../refine/dense-crf.ts'
import { memory, ops, scope, tensor } from '../../torch/index.ts'
import { classMapFile, readClassMaps } from '../class-map-file.ts'
import { eachPicture, exists } from '../each-picture.ts'
import { imageWork } from '../image-work.ts'
import { fromHere } from '../run-folder.ts'
import type { StageContext } from '../stage.ts'
import { refineMemory, type Size } from '../step-memory.ts'

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
 * Class maps with the picture they are of, both at the size that `sizeOf` makes of the picture's own. Throws InputError when
 * their sizes differ.
 */
export async function readMapsAndImage(
  file: string,
  picture: Pick<Picture, 'image'>,
  { sizeOf = size => size }: { sizeOf?: (own: Size) => Size } = {},
): Promise<ClassMaps & { readonly image: RgbImage; readonly own: Size }> {
  const [maps, image] = await Promise.all([readClassMaps(file, { sizeOf }), readImage(picture.image)])
  const { own, width, height } = maps
  if (image.width !== own.width || image.height !== own.height) {
    throw new InputError(file, `the maps are ${own.width} x ${own.height} pixels`, {
      expected: `the picture ${picture.image} has ${image.width} x ${image.height}`,
    })
  }
  const same = width === own.width && height === own.height
  return { ...maps, image: same ? image : resize(image, { width, height }) }
}

/**
 * Writes the files that are not there yet, as many pictures at once as there are threads and memory; the CRF runs off the
 * main thread. Returns the ids of pictures that have none.
 */
export async function writeAffinityLabels(
  context: StageContext,
  pictures: readonly Picture[],
): Promise<readonly string[]> {
  const { recipe, run, signal, log } = context
  const { low, high, crf } = recipe.affinity.labels
  const title = 'affinity labels'
  const images = imageWork({
    title,
    longestSide: recipe.maps.longestSide,
    key: 'maps.longestSide',
    memoryOf: ({ own, working, picture: { tags } }) =>
      refineMemory({ own, working, labels: tags.length + 1 }) +
      8 * working.width * working.height * (tags.length + 1),
    now: () => memoryBudget(memory()),
  })
  try {
    return await eachPicture(
      pictures,
      picture => affinityLabelFile(run.affinityLabels, picture),
      (picture, file) =>
        images.run(picture, async sizeOf => {
          const source = classMapFile(run.maps, picture)
          const { image, own, maps: cams } = await readMapsAndImage(source, picture, { sizeOf })
          const volumes: TensorData[] = []
          for (const alpha of [low, high]) {
            const scores = await crfClassMaps({ image, cams, alpha, name: source, threads: 1, ...crf })
            volumes.push(volumeOf([...scores.values()], image))
          }
          const classes = [...cams.keys()]
          await writeScoreVolumes(file, { low: volumes[0]!, high: volumes[1]!, classes, of: own })
        }),
      {
        title,
        lacks: 'no affinity labels',
        atOnce: crfThreads(),
        strict: recipe.strict,
        maxLost: recipe.data.maxLost,
        halve: images.halve,
        signal,
        log,
      },
    )
  } finally {
    images.tell(log)
  }
}

/** [channels, height, width] in half precision: a probability needs no more. */
function volumeOf(planes: readonly Float32Array[], { width, height }: RgbImage): TensorData {
  return scope(() => {
    const stacked = ops.stack(planes.map(plane => tensor(plane, [height, width])))
    return ops.toDtype(stacked, 'float16').toData()
  })
}
