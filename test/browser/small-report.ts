/** @file A report of 60 small images with CAMs, masks and ground truth, and names that try to be markup. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { predictLabels } from '../../src/evaluate/index.ts'
import { readImage, writeImage } from '../../src/io/image.ts'
import { readLabelMap, writeLabelMap } from '../../src/io/indexed-png.ts'
import { fromFloat32 } from '../../src/io/tensor-data.ts'
import { readCams, writeCams } from '../../src/pipeline/images/cam-file.ts'
import type { Gallery, GalleryImage, ReportData } from '../../src/pipeline/report/index.ts'

/** Pixels of an image; score maps have them all. */
export const WIDTH = 64
export const HEIGHT = 48
/** More than one page. */
export const IMAGES = 60
export const EVIL = '<script>alert(1)</script>'
export const CLASSES: readonly string[] = [EVIL, 'heron & stork']
const THRESHOLD = 0.4

/** Photos, CAMs of soft discs, seeds at the threshold, and for two thirds of the images ground truth. */
export async function smallReport(root: string): Promise<ReportData> {
  for (const name of ['photos', 'maps', 'masks', 'truth']) await mkdir(join(root, name), { recursive: true })
  const images: GalleryImage[] = []
  const truths = new Set<string>()
  for (let n = 0; n < IMAGES; n++) {
    const id = `bird ${n} #1`
    const photo = new Uint8Array(3 * WIDTH * HEIGHT).map((_, i) => (i * 7 + n * 31) % 256)
    await writeImage(join(root, 'photos', `${id}.jpg`), { width: WIDTH, height: HEIGHT, data: photo })
    const tags = n % 3 === 0 ? [0, 1] : [n % 2]
    const cam = Float32Array.from({ length: tags.length * WIDTH * HEIGHT }, (_, i) => {
      const [at, which] = [i % (WIDTH * HEIGHT), Math.floor(i / (WIDTH * HEIGHT))]
      const away = Math.hypot((at % WIDTH) - 20 - 22 * which, Math.floor(at / WIDTH) - 24)
      return Math.max(0, 1 - away / (12 + (n % 17)))
    })
    const file = join(root, 'maps', `${id}.safetensors`)
    await writeCams(file, { cam: fromFloat32(cam, [tags.length, HEIGHT, WIDTH]), classes: tags })
    const cams = await readCams(file)
    const labelsAt = (threshold: number) => predictLabels(cams, { labels: 3, threshold, file })
    await writeLabelMap(join(root, 'masks', `${id}.png`), labelsAt(THRESHOLD))
    if (n % 3 > 0) {
      truths.add(id)
      await writeLabelMap(join(root, 'truth', `${id}.png`), labelsAt(0.1 + (n % 7) / 10))
    }
    const photoAddress = `photos/${encodeURIComponent(id)}.jpg`
    images.push({
      id,
      set: n % 5 === 0 ? 1 : 0,
      tags,
      image: join(root, 'photos', `${id}.jpg`),
      photo: photoAddress,
    })
  }
  const gallery: Gallery = {
    sets: ['train', 'val'],
    images,
    tagged: true,
    cams: async ({ id }) => join(root, 'maps', `${id}.safetensors`),
    masks: [
      {
        title: 'pseudo mask',
        folder: 'pseudo-masks',
        whole: ['masks/', 'masks/'],
        file: async ({ id }) => join(root, 'masks', `${id}.png`),
      },
    ],
    truth: async ({ id }) => (truths.has(id) ? readLabelMap(join(root, 'truth', `${id}.png`)) : undefined),
    threshold: {
      value: THRESHOLD,
      choice: 'given in the recipe',
      command: ['npx tagmask run runs/x --set evaluate.threshold=', ' --resume-with-changes'],
      curve: Array.from({ length: 11 }, (_, i) => [i / 10, 50 - Math.abs(4 - i)] as const),
    },
  }
  const [first] = images
  const image = await readImage(first!.image)
  return {
    title: EVIL,
    subtitle: 'a run',
    classes: CLASSES,
    scores: [],
    unscored: 'No masks.',
    results: [{ href: 'masks', title: 'masks', words: 'the masks' }],
    gallery,
    examples: [{ id: 'a', image, tags: CLASSES, columns: [{ kind: 'photo', title: 'photo' }] }],
    trainings: [{ of: 'network', rows: [0, 1, 2].map(step => ({ kind: 'step', step, loss: 3 - step })) }],
    settings: [{ title: 'Training', facts: [{ name: 'epochs', value: '20' }] }],
    facts: [{ name: 'seed', value: '0' }],
    warnings: ['be careful'],
  }
}
