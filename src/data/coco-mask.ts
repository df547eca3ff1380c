/** @file The mask of an image drawn from the regions of a COCO JSON: polygons and run lengths. */
import { InputError } from '../errors.ts'
import { paintRuns, type RunLengths, readRuns, runArea } from '../io/coco-rle.ts'
import { MAX_PIXELS } from '../io/image-size.ts'
import type { LabelMap } from '../io/indexed-png.ts'
import { type JsonPlace, readJsonPlaces } from '../io/json-lists.ts'
import { IGNORE } from '../io/label-values.ts'
import { type Orientation, readOrientation } from '../io/orientation.ts'
import { fillPolygon, isPolygon } from './coco-polygon.ts'
import { FIRST, type Problems } from './problems.ts'

/** What a region of a crowd (`iscrowd`) becomes: no label (255), its class like any other, or nothing. */
export type Crowds = 'ignore' | 'class' | 'leave-out'

/** The regions of one image, which lie in the file until the mask is needed. */
export interface DrawnMask {
  readonly regions: readonly Region[]
  readonly crowds: Crowds
  /** Size of the image as the file says. */
  readonly size: { readonly width: number; readonly height: number } | undefined
}

/** `label`: 1 and up. */
interface Region {
  readonly label: number
  readonly crowd: boolean
  readonly place: JsonPlace
}

interface Size {
  readonly width: number
  readonly height: number
}

/**
 * Draws the regions from the largest to the smallest (by their pixels; of equals the first in the file first), so that a small one
 * is not hidden by a large one; crowds come below all others. Throws InputError when the sizes of file and image differ; a
 * region that is none is a fault: before anything of its size is allocated.
 */
export async function drawMask(
  file: string,
  { regions, crowds, size: listed }: DrawnMask,
  { image, problems = FIRST }: { image: string; problems?: Problems },
): Promise<LabelMap> {
  const { width, height } = sizeOf(await readOrientation(image), { listed, file, image })
  const kept = regions.filter(({ crowd }) => !crowd || crowds !== 'leave-out')
  const values = await readJsonPlaces(
    file,
    kept.map(({ place }) => place),
  )
  const drawn = kept.map(({ label, crowd }, i) => {
    const parts = partsOf(values[i], { width, height, file, problems })
    const area = parts.reduce((sum, runs) => sum + runArea(runs), 0)
    return { parts, area, crowd, label: crowd && crowds === 'ignore' ? IGNORE : label }
  })
  drawn.sort((a, b) => Number(b.crowd) - Number(a.crowd) || b.area - a.area)
  const data = new Uint8Array(width * height)
  for (const { parts, label } of drawn) for (const runs of parts) paintRuns(runs, { data, value: label })
  return { width, height, data }
}

/** Upright, or as the pixels are stored where the file says so. */
function sizeOf(
  stored: Orientation | undefined,
  { listed, file, image }: { listed: Size | undefined; file: string; image: string },
): Size {
  if (stored === undefined || stored.width * stored.height > MAX_PIXELS)
    throw new InputError(image, 'has no readable size, so its mask cannot be drawn')
  const { width, height, orientation } = stored
  const upright = orientation >= 5 ? { width: height, height: width } : { width, height }
  if (listed === undefined) return upright
  const fitting = [upright, stored].find(size => size.width === listed.width && size.height === listed.height)
  if (fitting !== undefined) return { width: fitting.width, height: fitting.height }
  throw new InputError(
    image,
    `has ${upright.width} x ${upright.height} pixels, and ${file} says ${listed.width} x ${listed.height}`,
    { expected: 'use the images that were annotated, not resized ones' },
  )
}

/** None of a region that is none, which is a fault. */
function partsOf(
  value: unknown,
  { problems, ...size }: Size & { file: string; problems: Problems },
): RunLengths[] {
  try {
    return regionRuns(value, size)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    problems.fault('bad-annotation', error)
    return []
  }
}

/** The parts of a region: one for each polygon, together its union. */
function regionRuns(value: unknown, { width, height, file }: Size & { file: string }): RunLengths[] {
  const { id, segmentation } = value as { readonly id?: unknown; readonly segmentation?: unknown }
  const field = `annotation ${String(id)}`
  if (!Array.isArray(segmentation)) return [readRuns(segmentation, { width, height, file, field })]
  const polygons: readonly unknown[] = typeof segmentation[0] === 'number' ? [segmentation] : segmentation
  return polygons.flatMap(corners => {
    if (Array.isArray(corners) && corners.length < 6) return [] // a line has no pixels
    if (isPolygon(corners, { width, height })) return [fillPolygon(corners, { width, height })]
    throw new InputError(file, 'has a polygon that is none, or lies far outside of its image', {
      field,
      expected: `corners x, y, x, y, ... in pixels of an image of ${width} x ${height}`,
    })
  })
}
