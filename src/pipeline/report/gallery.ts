/** @file The files of all images of a page, report/KIND/NUMBER, and what the page says of them. */

import { InputError } from '../../errors.ts'
import { addImage, createConfusion, imageMiou, isEmpty, type LabelGrid } from '../../evaluate/index.ts'
import { reducedSize } from '../../io/image.ts'
import { readLabelMap } from '../../io/indexed-png.ts'
import { printable } from '../../io/printable.ts'
import { encodeAreas, encodeClear, readThumbnail } from '../../io/thumbnail.ts'
import type { Log } from '../../train/log.ts'
import { readCams } from '../images/cam-file.ts'
import { inParallel } from '../images/in-parallel.ts'
import { Interrupted } from '../run/stage.ts'
import { addressOf } from './address.ts'
import type { PageImage, PageThreshold, PageView } from './browser/page-data.ts'
import { drawLabels, drawMistakes, drawScores, type Size } from './overlay-pixels.ts'

/** An image of the gallery, before anything of it is read. */
export interface GalleryImage {
  readonly id: string
  /** Index of its set. */
  readonly set: number
  readonly tags: readonly number[]
  readonly image: string
  /** Address of the image on the page. */
  readonly photo?: string | undefined
}

/** Masks of one kind. */
export interface GalleryMasks {
  readonly title: string
  /** Name of their folder in report/. */
  readonly folder: string
  /** For each set what is before ID.png in the address of a mask; null for a set without such masks. */
  readonly whole: readonly (string | null)[]
  /** An existing file; undefined for an image without one. */
  readonly file: (image: GalleryImage) => Promise<string | undefined>
  /** Not shown of images with CAMs, whose score map shows them at every threshold. */
  readonly inScores?: true
}

/** All images of a page. */
export interface Gallery {
  readonly sets: readonly string[]
  readonly images: readonly GalleryImage[]
  /** Whether the images have tags; else their classes are those of their masks. */
  readonly tagged: boolean
  /** Existing files of CAMs. */
  readonly cams?: (image: GalleryImage) => Promise<string | undefined>
  /** From the first to the best, which mistakes, shares and scores are of. */
  readonly masks: readonly GalleryMasks[]
  /** Ground truth in the size of the image; undefined without a usable one. */
  readonly truth?: ((image: GalleryImage, size: Size) => Promise<LabelGrid | undefined>) | undefined
  readonly threshold?: GalleryThreshold | undefined
}

/** The threshold of a run's seed. */
export interface GalleryThreshold extends PageThreshold {
  /** How it was chosen, in words. */
  readonly choice: string
  /** The command that makes masks at another one: what is before, between and after its values. */
  readonly command: readonly string[]
}

export type WriteFile = (file: string, data: Uint8Array) => Promise<void>

export interface GalleryOptions {
  readonly classes: number
  readonly write: WriteFile
  /** Told of images that cannot be used, which are left out; without it they are thrown. */
  readonly onBad?: ((image: GalleryImage, error: InputError) => void) | undefined
  readonly signal?: AbortSignal | undefined
  readonly log?: Log | undefined
}

/** The written gallery. */
export interface GalleryPage {
  readonly views: readonly PageView[]
  readonly images: readonly PageImage[]
}

/** Folder of the files, beside the page. */
export const FILES = 'report'
const PHOTO_SIDE = 240 // pixels
const SCORES_SIDE = 160
const MASK_SIDE = 240
const AT_ONCE = 4 // images in memory

/** Writes the files of every image. Throws InputError for an image that cannot be used without `onBad`, Interrupted after an abort. */
export async function writeGallery(gallery: Gallery, options: GalleryOptions): Promise<GalleryPage> {
  const { images } = gallery
  const { onBad, signal, log } = options
  const views = viewsOf(gallery)
  const pages: (PageImage | undefined)[] = images.map(() => undefined)
  const progress = log?.progress({ title: 'images of the report', total: images.length })
  let done = 0
  const one = async ([number, image]: [number, GalleryImage]): Promise<void> => {
    if (signal?.aborted) throw new Interrupted('the images of the report')
    try {
      pages[number] = await writeOne(gallery, { number, image, views }, options)
    } catch (error) {
      if (onBad === undefined || !(error instanceof InputError)) throw error
      onBad(image, error)
    }
    progress?.update(++done)
  }
  try {
    await inParallel([...images.entries()], one, { atOnce: AT_ONCE })
  } finally {
    progress?.finish()
  }
  const found = pages.filter(page => page !== undefined)
  const used = new Set(found.flatMap(page => page.views))
  const order = views.flatMap((view, i) => (view.kind === 'photo' || used.has(i) ? [i] : []))
  return {
    views: order.map(i => views[i]!),
    images: found.map(page => ({ ...page, views: page.views.map(i => order.indexOf(i)) })),
  }
}

/** The files that an image of the gallery may have, for each number below `count`. */
export function galleryFiles(gallery: Gallery): string[] {
  const views = viewsOf(gallery)
  return gallery.images.flatMap((_, number) => [...new Set(views.map(view => fileOf(view, number)))])
}

function viewsOf({ cams, masks, truth }: Gallery): PageView[] {
  const at = (folder: string): string => `${FILES}/${folder}`
  return [
    { kind: 'photo', title: 'photo', folder: at('photos'), ending: 'webp' },
    ...(cams === undefined
      ? []
      : ([
          { kind: 'seed', title: 'seed', folder: at('scores'), ending: 'webp' },
          { kind: 'scores', title: 'scores', folder: at('scores'), ending: 'webp' },
        ] as const)),
    ...masks.map(
      ({ title, folder, whole }) =>
        ({ kind: 'mask', title, folder: at(folder), ending: 'png', whole }) as const,
    ),
    ...(truth === undefined
      ? []
      : ([
          { kind: 'mask', title: 'ground truth', folder: at('ground-truth'), ending: 'png' },
          { kind: 'mistakes', title: 'mistakes', folder: at('mistakes'), ending: 'png' },
        ] as const)),
  ]
}

function fileOf({ folder, ending }: Pick<PageView, 'folder' | 'ending'>, number: number): string {
  return `${folder}/${number}.${ending}`
}

interface Numbered {
  readonly number: number
  readonly image: GalleryImage
  readonly views: readonly PageView[]
}

/** Writes the files of one image. */
async function writeOne(
  gallery: Gallery,
  { number, image, views }: Numbered,
  { classes, write }: GalleryOptions,
): Promise<PageImage> {
  const { webp, own } = await readThumbnail(image.image, { side: PHOTO_SIDE })
  const files = new Map<string, Uint8Array>() // all of an image, or none
  const seen: number[] = []
  const add = (kind: PageView['kind'], folder: string, data: Uint8Array): void => {
    const index = views.findIndex(view => view.kind === kind && view.folder === `${FILES}/${folder}`)
    files.set(fileOf(views[index]!, number), data)
    if (kind !== 'photo') seen.push(index)
  }
  add('photo', 'photos', webp)
  const unsure = await drawCams(gallery, image, { own, classes, add })
  let last: { readonly file: string; readonly mask: LabelGrid } | undefined
  for (const { folder, file, inScores } of gallery.masks) {
    const path = await file(image)
    if (path === undefined) continue
    const mask = await readLabelMap(path)
    assertSize(image, { what: 'mask', of: mask, own })
    if (!inScores || unsure === undefined)
      add('mask', folder, encodeAreas(drawLabels(mask, reducedSize(own, MASK_SIDE))))
    last = { file: path, mask }
  }
  const truth = await gallery.truth?.(image, own)
  let miou: number | undefined
  if (truth !== undefined) {
    const size = reducedSize(own, MASK_SIDE)
    add('mask', 'ground-truth', encodeAreas(drawLabels(truth, size)))
    if (last !== undefined) {
      add('mistakes', 'mistakes', encodeAreas(drawMistakes(last.mask, truth, size)))
      miou = miouOf(last, truth, { classes, image })
    }
  }
  for (const [file, data] of files) await write(file, data)
  const shares = last && sharesOf(last.mask)
  const file = addressOf(image.id)
  return {
    number,
    name: printable(image.id, { oneLine: true }),
    ...(file !== undefined && { file }),
    set: image.set,
    classes: gallery.tagged ? image.tags : (shares ?? []).map(([k]) => k),
    ...own,
    views: seen,
    ...(image.photo !== undefined && { photo: image.photo }),
    ...(miou !== undefined && { miou: rounded(miou, 2) }),
    ...(unsure !== undefined && { unsure: rounded(unsure, 4) }),
    ...(shares !== undefined && { shares }),
  }
}

/** Adds the score map, which two views show; the share of unsure pixels, undefined without CAMs. */
async function drawCams(
  { cams, threshold }: Gallery,
  image: GalleryImage,
  {
    own,
    classes,
    add,
  }: { own: Size; classes: number; add: (kind: PageView['kind'], folder: string, data: Uint8Array) => void },
): Promise<number | undefined> {
  const file = await cams?.(image)
  if (file === undefined) return undefined
  const maps = await readCams(file, { sizeOf: size => reducedSize(size, SCORES_SIDE) })
  assertSize(image, { what: 'CAM', of: maps.own, own })
  const { image: drawn, unsure } = drawScores(maps, { classes, threshold: threshold?.value ?? 0.4, file })
  const data = await encodeClear(drawn)
  add('seed', 'scores', data)
  add('scores', 'scores', data)
  return unsure
}

function miouOf(
  { file, mask }: { file: string; mask: LabelGrid },
  truth: LabelGrid,
  { classes, image }: { classes: number; image: GalleryImage },
): number | undefined {
  const confusion = createConfusion(classes + 1)
  addImage(confusion, { prediction: mask, truth, predictionFile: file, truthFile: image.id })
  return isEmpty(confusion) ? undefined : imageMiou(confusion)
}

/** Percent of the pixels that are of each class that has any. */
function sharesOf({ data }: LabelGrid): [number, number][] {
  const pixels = new Uint32Array(256)
  for (const label of data) pixels[label]!++
  return [...pixels.subarray(1, 254 + 1)].flatMap((n, k): [number, number][] =>
    n === 0 ? [] : [[k, rounded((100 * n) / data.length, 2)]],
  )
}

function assertSize({ id }: GalleryImage, { what, of, own }: { what: string; of: Size; own: Size }): void {
  if (of.width === own.width && of.height === own.height) return
  throw new InputError(id, `its ${what} has ${of.width}x${of.height} pixels`, {
    expected: `the image has ${own.width}x${own.height} pixels`,
  })
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
