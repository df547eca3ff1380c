/** @file Writes report.html, one file with everything in it, and its pictures as PNG. Imports no torch. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { writeFileAtomic } from '../../io/atomic.ts'
import { encodeImage, type RgbImage, writeImage } from '../../io/image.ts'
import type { EmbeddedExample, EmbeddedView } from './examples-section.ts'
import { drawColumn } from './overlay.ts'
import { renderPage } from './page.ts'
import type { Example, ReportData } from './report-data.ts'

/** What was written: absolute or relative as `runDir` was. */
export interface WrittenReport {
  readonly html: string
  readonly pictures: readonly string[]
}

const EMBEDDED_SIDE = 360 // pixels of an embedded view's longer side, at most: two to a screen pixel

/** Writes `runDir/report.html` and, in full size, `runDir/pictures/ID-VIEW.png`. Throws InputError when a view
 * differs in size from its picture, or a file cannot be written. */
export async function writeReport(runDir: string, data: ReportData): Promise<WrittenReport> {
  const folder = join(runDir, 'pictures')
  await mkdir(folder, { recursive: true })
  const pictures: string[] = []
  const examples: EmbeddedExample[] = []
  for (const example of data.examples) {
    const views: EmbeddedView[] = []
    for (const [title, image] of drawnViews(example)) {
      const word = fileWord(title)
      const taken = views.filter(view => fileWord(view.title) === word).length
      const path = join(folder, `${example.id}-${word}${taken === 0 ? '' : `-${taken + 1}`}.png`)
      await writeImage(path, image)
      pictures.push(path)
      views.push({ title, ...(await embed(image)) })
    }
    examples.push({ example, views })
  }
  const html = join(runDir, 'report.html')
  await writeFileAtomic(html, renderPage(data, examples))
  return { html, pictures }
}

function drawnViews({ id, image, columns }: Example): [string, RgbImage][] {
  return columns.map(column => [column.title, drawColumn(image, column, id)])
}

/** A data URI of the picture, made smaller where it is large. */
async function embed(image: RgbImage): Promise<{ uri: string; width: number; height: number }> {
  const ratio = Math.min(1, EMBEDDED_SIDE / Math.max(image.width, image.height))
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
      .replace(/^-|-$/g, '') || 'view'
  )
}
