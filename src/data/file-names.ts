/** @file Files by what a list calls them: with or without the ending, in another case, with folders before. */
import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { nearestName } from '../nearest-name.ts'

const IMAGE_ENDING = /\.(jpe?g|png|webp|tiff?|gif|avif|heic|heif|bmp|jp2)$/i

/** Where the files of a folder and those below it are looked for by name. */
export interface FileNames {
  /** The path in the folder; of several that fit alike all of them; none when nothing fits. */
  find(name: string): readonly string[]
  /** What the name may be meant for. */
  near(name: string): string | undefined
}

/** Forward slashes, sorted; empty when there is no such folder. */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter(entry => !entry.isDirectory() && !entry.name.startsWith('.'))
    .map(entry => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
}

/** The name without the ending of an image; dots before it are part of the name. */
export function stemOf(name: string): string {
  return name.replace(IMAGE_ENDING, '')
}

/** Exact names go first, then the name without its ending (a .jpg before others), then both in any case and Unicode form. */
export function fileNames(files: readonly string[]): FileNames {
  const images = files.filter(file => IMAGE_ENDING.test(file))
  const whole = new Set(images)
  const groups = [grouped(images, stemOf), grouped(images, fold), grouped(images, file => fold(stemOf(file)))]
  return {
    find(name) {
      if (whole.has(name)) return [name]
      const keys = [stemOf(name), fold(name), fold(stemOf(name))]
      const found = groups.map((group, i) => group.get(keys[i]!) ?? []).find(({ length }) => length > 0) ?? []
      const jpeg = found.filter(file => file.endsWith('.jpg'))
      return found.length > 1 && jpeg.length === 1 ? jpeg : found
    },
    near: name => nearestName(stemOf(name), images.slice(0, MOST_COMPARED).map(stemOf)),
  }
}

const MOST_COMPARED = 20_000

function grouped(files: readonly string[], key: (file: string) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const file of files) {
    const group = groups.get(key(file))
    if (group === undefined) groups.set(key(file), [file])
    else group.push(file)
  }
  return groups
}

function fold(name: string): string {
  return name.normalize('NFC').toLowerCase()
}

/** Whether a path from a file leads out of the folder that it should stay in. */
export function leadsOutside(path: string): boolean {
  return path.split(/[/\\]/).some(part => part.trim() === '..')
}
