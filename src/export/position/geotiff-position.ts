/** @file The position in the tags of a GeoTIFF (OGC 19-008r4). */
import { extname } from 'node:path'
import type { Affine, ImagePosition } from './image-position.ts'

const USER_DEFINED = 32_767
const PIXEL_IS_POINT = 2

/** Undefined for other files, and for a TIFF without such tags. */
export async function geotiffPosition(path: string): Promise<ImagePosition | string | undefined> {
  if (!/^\.tiff?$/i.test(extname(path))) return undefined
  const { fromFile } = await import('geotiff') // only such files need it
  const tiff = await fromFile(path).catch(() => undefined)
  if (tiff === undefined) return undefined
  try {
    const image = await tiff.getImage()
    const tags = image.fileDirectory
    const keys = image.getGeoKeys() ?? {}
    const scale = list(await tags.loadValue('ModelPixelScale').catch(() => undefined))
    const tie = list(await tags.loadValue('ModelTiepoint').catch(() => undefined))
    const matrix = list(await tags.loadValue('ModelTransformation').catch(() => undefined))
    const affine = affineOf({ scale, tie, matrix })
    if (affine === undefined)
      return tie.length > 6 ? 'has control points and no position of its own' : undefined
    const codes = [keys.ProjectedCSTypeGeoKey, keys.GeographicTypeGeoKey] as unknown[]
    const code = codes.find(value => typeof value === 'number' && value > 0)
    return {
      affine: keys.GTRasterTypeGeoKey === PIXEL_IS_POINT ? fromCentres(affine) : affine,
      crs: code === USER_DEFINED ? undefined : (code as number | undefined),
      from: 'GeoTIFF',
    }
  } catch {
    return undefined
  } finally {
    await tiff.close()
  }
}

function list(value: unknown): number[] {
  return value === undefined ? [] : Array.from(value as ArrayLike<number>, Number)
}

/** From the raster's coordinates to the model's; undefined where the tags do not determine it. */
function affineOf({
  scale,
  tie,
  matrix,
}: {
  scale: number[]
  tie: number[]
  matrix: number[]
}): Affine | undefined {
  if (matrix.length === 16) {
    const [a, b, , c, d, e, , f] = matrix as [number, number, number, number, number, number, number, number]
    return a * e === b * d ? undefined : [a, b, c, d, e, f]
  }
  if (tie.length !== 6 || scale.length < 2) return undefined
  const [i, j, , x, y] = tie as [number, number, number, number, number]
  const [sx, sy] = scale as [number, number]
  return sx * sy === 0 ? undefined : [sx, 0, x - i * sx, 0, -sy, y + j * sy]
}

/** Of a raster whose coordinates are those of the pixels' centres. */
function fromCentres([a, b, c, d, e, f]: Affine): Affine {
  return [a, b, c - (a + b) / 2, d, e, f - (d + e) / 2]
}
