/** @file The mask files of a data set, by the names that they share with the images. */
import { extname, join } from 'node:path'
import { stemOf } from './image-endings.ts'
import { filesBelow } from './image-path.ts'

/** A mask is a PNG; files of other formats are listed for the reader's error message. */
const ENDINGS: readonly string[] = ['.png', '.tif', '.tiff', '.bmp', '.gif', '.webp', '.jpg', '.jpeg']

/** Files in a folder and below it, by their path in it without the ending (`sub/a`, NFC). A PNG comes before other formats; none without the folder. */
export async function listMasks(folder: string): Promise<Map<string, string>> {
  const found = (await filesBelow(folder))
    .map(file => ({ file, rank: ENDINGS.indexOf(extname(file).toLowerCase()) }))
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => b.rank - a.rank)
  return new Map(found.map(({ file }) => [stemOf(file).normalize('NFC'), join(folder, file)]))
}
