/** @file Masks that formats get wrong, and an export of them to a temporary folder: for tests of formats. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import type { ExportFormat, ExportImage, ExportOptions } from '../src/export/index.ts'
import { openExportPlace } from '../src/pipeline/export/export-place.ts'

export const CLASSES = ['cat', 'a "dog" & <co>', 'zèbre']

/** Letters of a row: `.` background, 1 2 3 classes, x void. */
const DRAWINGS: Readonly<Record<string, string>> = {
  'hole.jpg': '......|.1111.|.1..1.|.1.21.|.1111.|......',
  'parts of one.JPG': '11...1|1....1|..22..|2....2',
  'trip/pixels.png': '1...2|.....|..3..|.....|3...x',
  'trip/one row.jpg': '.11x..233',
  'deep/er/one column.jpg': '1|1|.|x|3|3|2',
  'empty.jpg': '....|....',
  'all void.jpg': 'xxx|xxx',
  'full.jpg': '22|22|22',
  'ünï/日本 "q" \'s & #100%.jpg': '1x|.3',
  'wide.jpg': `${'1'.repeat(300)}|${'.'.repeat(149)}x${'.'.repeat(150)}|${'3'.repeat(300)}`,
}

/** Scores of the first case alone. */
const SCORES = new Map([
  [1, 0.812345],
  [2, 0.25],
])

export const CASES: readonly ExportImage[] = Object.entries(DRAWINGS).map(([fileName, drawing], i) => {
  const rows = drawing.split('|')
  const values = rows.flatMap(row =>
    [...row].map(letter => (letter === '.' ? 0 : letter === 'x' ? 255 : +letter)),
  )
  return {
    id: fileName.replace(/\.[^.]+$/, '').replaceAll('/', '__'),
    fileName,
    split: i === 1 ? 'val' : 'train',
    image: undefined,
    width: rows[0]!.length,
    height: rows.length,
    data: Uint8Array.from(values),
    scores: i === 0 ? SCORES : undefined,
    cams: undefined,
  }
})

/** The cases with images of their names and sizes in a folder. */
export async function casesWithImages(folder: string): Promise<ExportImage[]> {
  return Promise.all(
    CASES.map(async one => {
      const image = join(folder, one.fileName)
      const { width, height } = one
      await mkdir(dirname(image), { recursive: true })
      const picture = sharp({ create: { width, height, channels: 3, background: '#808080' } })
      await writeFile(image, await picture.toFormat(/png$/.test(image) ? 'png' : 'jpeg').toBuffer())
      return { ...one, image }
    }),
  )
}

export interface ExportedCases {
  /** Sentences of the export. */
  readonly told: readonly string[]
}

/** Writes the images (those without a folder by default) to `out`. */
export async function exportCases(
  format: ExportFormat,
  out: string,
  {
    images = CASES,
    ...options
  }: Partial<Omit<ExportOptions, 'images'>> & { images?: Iterable<ExportImage> } = {},
): Promise<ExportedCases> {
  const told: string[] = []
  const place = await openExportPlace(out, { format, force: false })
  async function* each(): AsyncGenerator<ExportImage> {
    yield* images
  }
  await format.write(each(), place.files, {
    classes: CLASSES,
    name: 'cases',
    total: CASES.length,
    polygons: false,
    tolerance: 0.5,
    colour: false,
    images: false,
    imageAddress: undefined,
    irn: false,
    leaveOut: () => undefined,
    tell: sentence => told.push(sentence),
    ...options,
  })
  await place.finish()
  return { told }
}
