/** @file `geojson`: the classes of each image as polygons on the map, for QGIS and other geographic tools. */
import { count } from '../io/count.ts'
import type { ExportFormat } from './export-format.ts'
import type { ExportImage } from './export-image.ts'
import { type Outline, outlinesOf, type Ring } from './outlines.ts'
import { type Affine, type ImagePosition, imagePosition } from './position/image-position.ts'
import { scoreField } from './score-field.ts'

const WGS84 = 4326
/** As QGIS shows an image without a position: y runs downwards from 0 to minus its height. */
const PIXELS: ImagePosition = { affine: [1, 0, 0, 0, -1, 0], crs: undefined, from: 'pixels' }

export const geojson: ExportFormat = {
  brief: 'ID.geojson of polygons on the map: images with a world file, or GeoTIFF; else in pixels',
  perImage: true,
  options: ['tolerance'],
  async write(images, files, { classes, tolerance, tell }) {
    const without = { position: 0, crs: 0 }
    for await (const image of images) {
      if (image.made) continue
      const found = image.image === undefined ? undefined : await imagePosition(image.image)
      if (typeof found === 'string') tell(`${image.fileName} ${found}: its polygons are in pixels`)
      const position = typeof found === 'object' ? found : PIXELS
      if (position === PIXELS) without.position++
      else if (position.crs === undefined) without.crs++
      await files.put(`${image.id}.geojson`, geojsonText(image, { classes, tolerance, position }))
    }
    if (without.position > 0)
      tell(
        `geojson: ${count(without.position, 'image')} without a position: polygons in pixels, y from 0 down to minus the height, as QGIS shows such images`,
      )
    if (without.crs > 0)
      tell(
        `geojson: nothing names the coordinate system of ${count(without.crs, 'image')}: set it in QGIS (Layer CRS), or put a .prj beside them`,
      )
  },
}

interface GeojsonOptions {
  readonly classes: readonly string[]
  readonly tolerance: number
  readonly position: ImagePosition
}

/** A MultiPolygon for each class of the image, a feature a line. */
export function geojsonText(
  image: ExportImage,
  { classes, tolerance, position: { affine, crs } }: GeojsonOptions,
): string {
  const byLabel = new Map<number, Outline[]>()
  for (const outline of outlinesOf(image, { tolerance })) {
    const parts = byLabel.get(outline.label)
    if (parts === undefined) byLabel.set(outline.label, [outline])
    else parts.push(outline)
  }
  const [a, b, , d, e] = affine
  const pixelArea = Math.abs(a * e - b * d)
  const features = [...byLabel].map(([label, parts]) => {
    const pixels = parts.reduce((sum, { area }) => sum + area, 0)
    return JSON.stringify({
      type: 'Feature',
      properties: {
        class: classes[label - 1],
        label,
        ...scoreField(image.scores?.get(label)),
        area: Number((pixels * pixelArea).toPrecision(9)),
        pixels,
        image: image.fileName,
      },
      geometry: {
        type: 'MultiPolygon',
        coordinates: parts.map(({ outer, holes }) => [outer, ...holes].map(ring => lineOf(ring, affine))),
      },
    })
  })
  const member =
    crs === WGS84 ? '' : `"crs": ${JSON.stringify({ type: 'name', properties: { name: crsName(crs) } })},\n`
  return `{"type": "FeatureCollection",\n${member}"features": [\n${features.join(',\n')}\n]}\n`
}

/**
 * RFC 7946 knows WGS 84 alone; GeoJSON of 2008 has `crs`, which GDAL and with it QGIS read, also as WKT. Without a member they
 * would take anything for degrees, so that an unknown system is named as one of its own.
 */
function crsName(crs: ImagePosition['crs']): string {
  if (typeof crs === 'number') return `urn:ogc:def:crs:EPSG::${crs}`
  return crs ?? 'LOCAL_CS["unknown",UNIT["unknown",1]]'
}

/** A closed line, outer rings counter-clockwise on the map and holes clockwise (the right-hand rule). A thousandth of a pixel is kept. */
function lineOf(ring: Ring, [a, b, c, d, e, f]: Affine): [number, number][] {
  const digits = Math.max(0, 3 - Math.floor(Math.log10(Math.min(Math.hypot(a, d), Math.hypot(b, e)))))
  const line: [number, number][] = []
  for (let i = 0; i < ring.length; i += 2) {
    const [x, y] = [ring[i]!, ring[i + 1]!]
    line.push([round(a * x + b * y + c, digits), round(d * x + e * y + f, digits)])
  }
  if (a * e - b * d < 0) line.reverse() // rings are clockwise in pixels; the map's y mostly runs upwards
  return [...line, line[0]!]
}

function round(value: number, digits: number): number {
  return digits > 15 ? value : Number(value.toFixed(digits))
}
