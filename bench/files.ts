/** @file The files of rows that read some: a folder of images that was given, or made pictures; the bare reading and decoding. */
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { type Dataset, listSplits, openDataset } from '../src/data/dataset.ts'
import { readWhole } from '../src/io/read-range.ts'
import { inParallel } from '../src/pipeline/images/in-parallel.ts'
import { writeTaggedFolder } from './made-images.ts'
import type { Floor } from './row.ts'

/** Made pictures, and those of `quick`. */
export const MADE = { images: 128, width: 500, height: 375 }
export const SMALL = { images: 6, width: 96, height: 72 }

export interface ImageFiles {
  readonly root: string
  /** With all samples of the folder. */
  readonly dataset: Dataset
  readonly files: readonly string[]
  readonly masks: readonly string[]
}

/** `data`, or pictures made below `folder`. */
export async function openImages(
  folder: string,
  { quick, data }: { quick: boolean; data: string | undefined },
): Promise<ImageFiles> {
  const root = data ?? join(folder, 'data')
  if (data === undefined) await writeTaggedFolder(root, quick ? SMALL : MADE)
  const splits = await listSplits(root)
  const sets = await Promise.all(
    (splits.length === 0 ? ['train'] : splits).map(split => openDataset(root, { split })),
  )
  const samples = [...new Map(sets.flatMap(set => set.samples).map(one => [one.image, one])).values()]
  const files = samples.map(({ image }) => image)
  return { root, dataset: { ...sets[0]!, samples }, files, masks: samples.flatMap(({ mask }) => mask ?? []) }
}

/** sharp's decode of the files to raw pixels, two at once for each core. */
export function decodeFloor(files: readonly string[]): Floor {
  return {
    name: 'decode by sharp',
    async seconds() {
      const begin = performance.now()
      await inParallel(files, decode, { atOnce: 2 * availableParallelism() })
      return (performance.now() - begin) / 1000
    },
  }
}

/** Reading the bytes of files, one after another. */
export function bytesFloor(files: readonly string[]): Floor {
  return {
    name: 'its bytes',
    async seconds() {
      const begin = performance.now()
      for (const file of files) await readWhole(file)
      return (performance.now() - begin) / 1000
    },
  }
}

async function decode(file: string): Promise<void> {
  await sharp(await readFile(file), { failOn: 'error', limitInputPixels: false })
    .raw()
    .toBuffer()
}
