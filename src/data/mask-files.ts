/** @file The mask files of a data set, by the names that they share with the images. */
import { readdir } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'

/** A mask is a PNG; files of other formats are listed so that the reader can say why they are of no use. */
const ENDINGS: readonly string[] = ['.png', '.tif', '.tiff', '.bmp', '.gif', '.webp', '.jpg', '.jpeg']

/** Files in a folder and below it, by their path in it without the ending (`sub/a`). A PNG goes before the others; no folder is no file. */
export async function listMasks(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const found = entries
    .filter(entry => !entry.isDirectory() && !entry.name.startsWith('.'))
    .map(entry => join(entry.parentPath, entry.name))
    .map(path => ({ path, rank: ENDINGS.indexOf(extname(path).toLowerCase()) }))
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => b.rank - a.rank || (a.path < b.path ? -1 : 1))
  const stemOf = (path: string): string =>
    relative(folder, path.slice(0, -extname(path).length))
      .split(sep)
      .join('/')
  return new Map(found.map(({ path }) => [stemOf(path), path]))
}
