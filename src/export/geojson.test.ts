import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillRings } from '../../test/fill-rings.ts'
import { anyMask, type MaskPicture, maskOf, withoutVoid } from '../../test/mask-pictures.ts'
import { geojsonText } from './geojson.ts'
import type { Affine, ImagePosition } from './position/image-position.ts'

const CLASSES = ['field', 'lake "Süd"', 'road']
const UTM: Affine = [0.5, 0, 500_000, 0, -0.5, 5_600_000]
const TURNED: Affine = [0.4, 0.3, 500_000, 0.3, -0.4, 5_600_000]
const MIRRORED: Affine = [2, 0, -7, 0, 2, 3]

function collectionOf(
  mask: MaskPicture,
  { affine, crs }: Pick<ImagePosition, 'affine' | 'crs'>,
  tolerance = 0,
) {
  const scores = new Map([[1, 0.75]])
  const image = {
    ...mask,
    id: 'a',
    fileName: 'a b.tif',
    split: undefined,
    image: undefined,
    scores,
    cams: undefined,
  }
  return JSON.parse(
    geojsonText(image, { classes: CLASSES, tolerance, position: { affine, crs, from: 'test' } }),
  )
}

type Line = readonly (readonly [number, number])[]

/** From the map back to pixels. */
function toPixels(line: Line, [a, b, c, d, e, f]: Affine): number[] {
  const determinant = a * e - b * d
  return line
    .slice(1)
    .flatMap(([x, y]) => [
      (e * (x - c) - b * (y - f)) / determinant,
      (a * (y - f) - d * (x - c)) / determinant,
    ])
}

function signedArea(line: Line): number {
  const [x0, y0] = line[0]!
  return line
    .slice(1)
    .reduce((sum, [x, y], i) => sum + (line[i]![0] - x0) * (y - y0) - (x - x0) * (line[i]![1] - y0), 0)
}

describe('geojson', () => {
  it('has a MultiPolygon for each class, closed lines by the right-hand rule, in the units of the map', () => {
    expect(collectionOf(maskOf('111.\n1#1.\n1112'), { affine: UTM, crs: 25832 })).toEqual({
      type: 'FeatureCollection',
      crs: { type: 'name', properties: { name: 'urn:ogc:def:crs:EPSG::25832' } },
      features: [
        {
          type: 'Feature',
          properties: { class: 'field', label: 1, score: 0.75, area: 2, pixels: 8, image: 'a b.tif' },
          geometry: {
            type: 'MultiPolygon',
            coordinates: [
              [
                [
                  [500_000, 5_599_998.5],
                  [500_001.5, 5_599_998.5],
                  [500_001.5, 5_600_000],
                  [500_000, 5_600_000],
                  [500_000, 5_599_998.5],
                ],
                [
                  [500_001, 5_599_999.5],
                  [500_001, 5_599_999],
                  [500_000.5, 5_599_999],
                  [500_000.5, 5_599_999.5],
                  [500_001, 5_599_999.5],
                ],
              ],
            ],
          },
        },
        {
          type: 'Feature',
          properties: { class: 'lake "Süd"', label: 2, area: 0.25, pixels: 1, image: 'a b.tif' },
          geometry: {
            type: 'MultiPolygon',
            coordinates: [
              [
                [
                  [500_001.5, 5_599_998.5],
                  [500_002, 5_599_998.5],
                  [500_002, 5_599_999],
                  [500_001.5, 5_599_999],
                  [500_001.5, 5_599_998.5],
                ],
              ],
            ],
          },
        },
      ],
    })
  })

  it('names every system but WGS 84, which is that of GeoJSON', () => {
    const mask = maskOf('1')
    const nameOf = (crs: ImagePosition['crs']) =>
      collectionOf(mask, { affine: UTM, crs }).crs?.properties.name
    expect(nameOf(4326)).toBeUndefined()
    expect(nameOf('PROJCS["mine"]')).toBe('PROJCS["mine"]')
    expect(nameOf(undefined)).toBe('LOCAL_CS["unknown",UNIT["unknown",1]]')
  })

  it.each([{ affine: UTM }, { affine: TURNED }, { affine: MIRRORED }])(
    'filled on the map is the mask, at $affine',
    ({ affine }) => {
      fc.assert(
        fc.property(anyMask, fc.constantFrom(0, 0.5), (mask, tolerance) => {
          const data = new Uint8Array(mask.data.length)
          const { features } = collectionOf(mask, { affine, crs: undefined }, tolerance)
          for (const { properties, geometry } of features)
            for (const polygon of geometry.coordinates as Line[][]) {
              for (const [k, line] of polygon.entries()) {
                expect(line.at(-1)).toEqual(line[0])
                expect(signedArea(line) > 0).toBe(k === 0)
              }
              // thousandths of a pixel are lost: lines through a pixel's centre may go either way
              const rings = polygon.map(line =>
                toPixels(line, affine).map(value => Math.round(value * 500) / 500),
              )
              for (const [i, inside] of fillRings(rings, mask).entries())
                if (inside === 1) data[i] = properties.label
            }
          expect(data).toEqual(withoutVoid(mask))
        }),
        { numRuns: 40 },
      )
    },
  )
})
