/** @file Writes report.html, one file with everything in it, and its images as PNG. Imports no torch. */
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { InputError } from '../../errors.ts'
import { writeFileAtomic } from '../../io/atomic.ts'
import { encodeImage, type RgbImage, writeImage } from '../../io/image.ts'
import type { EmbeddedExample, EmbeddedImage, EmbeddedView } from './examples-section.ts'
import { drawColumn } from './overlay.ts'
import { renderPage } from './page.ts'
import type { Example, ReportData } from './report-data.ts'

/** The written files: absolute or relative as `runDir`. */
export interface WrittenReport {
  readonly html: string
  readonly images: readonly string[]
}

const LONGEST_NAME = 200 // bytes, without the ending: file systems take 255, and a name is longer while it is written
const EMBEDDED_SIDE = 360 // pixels of an embedded view's longer side, at most: two to a screen pixel
const EMBEDDED_WIDTH = 1800 // of an image as wide as the page

/**
 * Writes `runDir/report.html` and, in full size, `runDir/images/ID-VIEW.png`. An example with a view that differs in size from
 * its image, or that cannot be written, is left out and passed to `onBadExample`; without that InputError is thrown.
 */
export async function writeReport(
  runDir: string,
  data: ReportData,
  { onBadExample }: { onBadExample?: ((example: Example, error: InputError) => void) | undefined } = {},
): Promise<WrittenReport> {
  const folder = join(runDir, 'images')
  await mkdir(folder, { recursive: true })
  const images: string[] = []
  const examples: EmbeddedExample[] = []
  for (const example of data.examples) {
    try {
      const { views, paths } = await writeExample(folder, example)
      images.push(...paths)
      examples.push({ example, views })
    } catch (error) {
      if (onBadExample === undefined || !(error instanceof InputError)) throw error
      onBadExample(example, error)
    }
  }
  const html = join(runDir, 'report.html')
  const { reconstructions: wide } = data
  const reconstructions = wide && (await embed(wide, { side: EMBEDDED_WIDTH }))
  await writeFileAtomic(html, renderPage(data, { examples, reconstructions }))
  return { html, images }
}

async function writeExample(
  folder: string,
  example: Example,
): Promise<{ views: EmbeddedView[]; paths: string[] }> {
  const views: EmbeddedView[] = []
  const paths: string[] = []
  const { id, image, columns } = example
  const drawn = columns.map(column => [column.title, drawColumn(image, column, id)] as const) // before the first is written
  for (const [title, view] of drawn) {
    const word = fileWord(title)
    const taken = views.filter(view => fileWord(view.title) === word).length
    const name = fittingName(`${id}-${word}${taken === 0 ? '' : `-${taken + 1}`}`)
    const path = join(folder, `${name}.png`)
    await writeImage(path, view)
    paths.push(path)
    views.push({ title, ...(await embed(view)) })
  }
  return { views, paths }
}

/** Names that a file system would not take are cut; a hash of the whole keeps them apart. */
function fittingName(name: string): string {
  const bytes = Buffer.from(name)
  if (bytes.length <= LONGEST_NAME) return name
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8)
  return `${bytes
    .subarray(0, LONGEST_NAME - 12)
    .toString()
    .replaceAll('\uFFFD', '')}-${hash}`
}

/** A data URI of the image, reduced if large. */
async function embed(image: RgbImage, { side = EMBEDDED_SIDE } = {}): Promise<EmbeddedImage> {
  const ratio = Math.min(1, side / Math.max(image.width, image.height))
  const width = Math.max(1, Math.round(image.width * ratio))
  const height = Math.max(1, Math.round(image.height * ratio))
  const raw = { width: image.width, height: image.height, channels: 3 as const }
  const small =
    ratio === 1
      ? image
      : {
          width,
          height,
          data: await sharp(image.data, { raw }).resize(width, height, { fit: 'fill' }).raw().toBuffer(),
        }
  const jpeg = await encodeImage(small, { format: 'jpeg', quality: 88 })
  return { uri: `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}`, width, height }
}

/** A view's title as a part of a file name. */
function fileWord(title: string): string {
  return (
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, '-')
      .slice(0, 60)
      .replace(/^-|-$/g, '') || 'view'
  )
}
