/** @file Where an image lies on the earth: from the tags of a GeoTIFF, or from a world file beside it. */
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { readOrientation } from '../../io/orientation.ts'
import { crsBeside, isSmallFile } from './coordinate-system.ts'
import { geotiffPosition } from './geotiff-position.ts'

/** From pixels (corners; x to the right, y downwards) to the map: X = a x + b y + c, Y = d x + e y + f. */
export type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number]

export interface ImagePosition {
  readonly affine: Affine
  /** EPSG code, or the text (WKT) of a system without one; undefined where nothing names it. */
  readonly crs: number | string | undefined
  /** What gave it, for messages. */
  readonly from: string
}

/** What an image says of its position; a string is why what it says cannot be used. Undefined: it says nothing. */
export async function imagePosition(path: string): Promise<ImagePosition | string | undefined> {
  const found = (await geotiffPosition(path)) ?? (await worldPosition(path))
  if (typeof found !== 'object') return found
  const turned = (await readOrientation(path))?.orientation ?? 1
  return turned === 1 ? found : 'is turned by its EXIF orientation'
}

/** The world file of an image, by any of its usual names. */
async function worldPosition(path: string): Promise<ImagePosition | string | undefined> {
  const ending = extname(path).slice(1)
  const stem = path.slice(0, path.length - ending.length)
  const names = [`${ending[0]}${ending.at(-1)}w`, `${ending}w`, 'wld'].flatMap(end => [
    end,
    end.toUpperCase(),
  ])
  for (const name of names) {
    const file = stem + name
    if (!(await isSmallFile(file))) continue
    const lines = (await readFile(file, 'latin1')).trim().split(/\s+/).map(Number)
    if (lines.length !== 6 || !lines.every(Number.isFinite))
      return `has a world file (${name}) without its six numbers`
    const [a, d, b, e, x, y] = lines as [number, number, number, number, number, number]
    if (a * e === b * d) return `has a world file (${name}) of no area`
    // the position of a world file is that of the first pixel's centre
    const affine: Affine = [a, b, x - (a + b) / 2, d, e, y - (d + e) / 2]
    return { affine, crs: await crsBeside(path), from: 'world file' }
  }
  return undefined
}
