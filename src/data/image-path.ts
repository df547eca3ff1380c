/** @file Paths of images as lists write them. */
import { stat } from 'node:fs/promises'
import { listTree } from './file-tree.ts'
import { hasImageEnding, stemOf } from './image-endings.ts'
import type { FoundImage } from './image-names.ts'

/** Whether a path from a file leads out of the folder that it should stay in. */
export function leadsOutside(path: string): boolean {
  return path.split(/[/\\]/).some(part => part.trim() === '..')
}

/** The name without the ending of an image; other dots are part of the name. */
export function imageStem(name: string): string {
  return hasImageEnding(name) ? stemOf(name) : name
}

/** The .jpg, VOC's own format, of several matching files. */
export function preferJpeg(found: FoundImage): FoundImage {
  const jpegs = found.twins.filter(file => file.endsWith('.jpg'))
  return jpegs.length === 1 ? { ...found, file: jpegs[0], twins: [] } : found
}

/** Files of a folder and those below it, forward slashes, sorted; none when there is no such folder. */
export async function filesBelow(folder: string): Promise<readonly string[]> {
  if (!(await isFolder(folder))) return []
  return (await listTree(folder, { expected: 'a folder of images' })).files
}

export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false
}
