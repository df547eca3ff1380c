/** @file COCO's JSON: images and annotations of any number in one file, written in flat memory. */
import type { ExportFiles, ExportOptions } from './export-format.ts'
import type { ExportImage } from './export-image.ts'
import type { Box } from './regions.ts'

type Json = Readonly<Record<string, unknown>>

export interface CocoJsonOptions {
  readonly files: ExportFiles
  readonly options: Pick<ExportOptions, 'name'>
  readonly categories: readonly Json[]
  readonly annotate: (image: ExportImage, imageId: number) => Promise<readonly Json[]> | readonly Json[]
}

/** Writes `name`, image ids from 1 in their order. The list of the images waits on the disk until the annotations are written. */
export async function writeCocoJson(
  name: string,
  images: AsyncIterable<ExportImage>,
  { files, options, categories, annotate }: CocoJsonOptions,
): Promise<void> {
  const aside = await files.putAside()
  async function* pieces(): AsyncGenerator<string | Uint8Array> {
    const info = { description: options.name, version: '1', contributor: 'tagmask' }
    yield `{"info":${JSON.stringify(info)},\n"licenses":[],\n"categories":${JSON.stringify(categories)},\n"annotations":[`
    let imageId = 0
    let annotations = 0
    for await (const image of images) {
      imageId++
      const { fileName, width, height } = image
      const entry = JSON.stringify({ id: imageId, file_name: fileName, width, height })
      await aside.add(`${imageId === 1 ? '\n' : ',\n'}${entry}`)
      const lines = await annotate(image, imageId)
      for (const line of lines) yield `${annotations++ === 0 ? '\n' : ',\n'}${JSON.stringify(line)}`
    }
    yield '\n],\n"images":['
    yield* aside.pieces()
    yield '\n]}\n'
  }
  try {
    await files.write(name, pieces())
  } finally {
    await aside.close()
  }
}

/** x, y, width, height */
export function cocoBox({ x, y, width, height }: Box): number[] {
  return [x, y, width, height]
}
