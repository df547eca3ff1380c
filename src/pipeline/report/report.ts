/** @file Writes report.html and the images that it shows, in report/. Imports no torch. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError } from '../../errors.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { type RgbImage, reducedSize } from '../../io/image.ts'
import { encodeSmall } from '../../io/thumbnail.ts'
import type { Log } from '../../train/log.ts'
import type { PageView } from './browser/page-data.ts'
import type { WrittenExample, WrittenView } from './examples-section.ts'
import { FILES, type GalleryImage, type WriteFile, writeGallery } from './gallery.ts'
import { drawColumn } from './overlay.ts'
import { renderPage, type WrittenImage } from './page.ts'
import type { Example, ReportData } from './report-data.ts'

/** The written files: absolute or relative as `runDir`. */
export interface WrittenReport {
  readonly html: string
  readonly images: readonly string[]
}

export interface WriteReportOptions {
  /** Told of images that cannot be used, which are left out; without it the InputError is thrown. */
  readonly onBad?: ((image: Example | GalleryImage, error: InputError) => void) | undefined
  readonly signal?: AbortSignal | undefined
  readonly log?: Log | undefined
}

const VIEW_SIDE = 360 // pixels of an example's longer side, at most: two to a screen pixel
const WIDE_SIDE = 1800 // of an image as wide as the page

/**
 * Writes `runDir/report.html` and images in `runDir/report/`, the page last. Parts of the data that are empty have no section,
 * so that a run that has only begun has a report, too. Throws Interrupted after an abort.
 */
export async function writeReport(
  runDir: string,
  data: ReportData,
  { onBad, signal, log }: WriteReportOptions = {},
): Promise<WrittenReport> {
  const images: string[] = []
  const folders = new Map<string, Promise<unknown>>()
  const write: WriteFile = async (file, bytes) => {
    const path = join(runDir, file)
    const folder = dirname(path)
    folders.set(folder, folders.get(folder) ?? mkdir(folder, { recursive: true }))
    await folders.get(folder)
    await writeFileAtomic(path, bytes)
    images.push(path)
  }
  const examples: WrittenExample[] = []
  for await (const example of data.examples) {
    try {
      const views = await writeExample(example, { number: examples.length, write })
      const { id, tags, note, columns } = example
      examples.push({ id, tags, note, kinds: columns.map(({ kind }) => kind), views })
    } catch (error) {
      if (onBad === undefined || !(error instanceof InputError)) throw error
      onBad(example, error)
    }
  }
  const { gallery: all, reconstructions: wide, classes } = data
  const gallery =
    all === undefined
      ? { views: [], images: [] }
      : await writeGallery(all, { classes: classes.length, write, onBad, signal, log })
  const reconstructions =
    wide && (await writeImage(wide, { file: `${FILES}/reconstructions.webp`, side: WIDE_SIDE, write }))
  const html = join(runDir, 'report.html')
  await mkdir(runDir, { recursive: true })
  await writeFileAtomic(html, renderPage(data, { examples, gallery, reconstructions }))
  await removeOlder(runDir, gallery.views)
  return { html, images }
}

/** Of earlier versions, which wrote masks as NUMBER.webp too. */
async function removeOlder(runDir: string, views: readonly PageView[]): Promise<void> {
  const folders = new Set(views.filter(({ ending }) => ending === 'png').map(({ folder }) => folder))
  for (const folder of folders) {
    const names = await readdir(join(runDir, folder)).catch(() => [])
    const older = names.filter(name => /^\d+\.webp$/.test(name))
    await Promise.all(older.map(name => rm(join(runDir, folder, name), { force: true })))
  }
}

/** Every view of one example, all drawn before the first is written. */
async function writeExample(
  { id, image, columns }: Example,
  { number, write }: { number: number; write: WriteFile },
): Promise<WrittenView[]> {
  const drawn = columns.map(column => ({ title: column.title, view: drawColumn(image, column, id) }))
  const views: WrittenView[] = []
  for (const [i, { title, view }] of drawn.entries()) {
    const file = `${FILES}/examples/${number}-${i}.webp`
    views.push({ title, ...(await writeImage(view, { file, side: VIEW_SIDE, write })) })
  }
  return views
}

async function writeImage(
  image: RgbImage,
  { file, side, write }: { file: string; side: number; write: WriteFile },
): Promise<WrittenImage> {
  await write(file, await encodeSmall(image, { side, quality: 82 }))
  return { file, ...reducedSize(image, side) }
}
