import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeArrayBuffer } from 'geotiff'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { epsgOf } from './coordinate-system.ts'
import { imagePosition } from './image-position.ts'

const WORLD = '0.5\n0\n0\n-0.5\n500000.25\n5599999.75\n'
const UTM_WKT =
  'PROJCS["WGS 84 / UTM zone 32N",GEOGCS["WGS 84",AUTHORITY["EPSG","4326"]],UNIT["metre",1],AUTHORITY["EPSG","32632"]]'
const pixels = sharp({ create: { width: 4, height: 3, channels: 3, background: '#888' } })

async function tiff(tags: Record<string, unknown>): Promise<string> {
  const folder = await temporaryFolder([])
  const bytes = await writeArrayBuffer(new Uint8Array(12), { width: 4, height: 3, ...tags })
  await writeFile(join(folder, 'a.TIF'), Buffer.from(bytes))
  return join(folder, 'a.TIF')
}

describe('the position of an image', () => {
  it.each(['a.pgw', 'a.pngw', 'a.wld', 'a.PGW'])(
    'is in its world file %s, of the first pixel’s centre',
    async name => {
      const folder = await temporaryFolder({ [name]: WORLD, 'a.png': await pixels.clone().png().toBuffer() })
      expect(await imagePosition(join(folder, 'a.png'))).toEqual({
        affine: [0.5, 0, 500_000, 0, -0.5, 5_600_000],
        crs: undefined,
        from: 'world file',
      })
    },
  )

  it('has the system of a .prj or of an .aux.xml', async () => {
    const png = await pixels.clone().png().toBuffer()
    const escaped = UTM_WKT.replaceAll('"', '&quot;')
    const folder = await temporaryFolder({
      'a.png': png,
      'a.wld': WORLD,
      'a.prj': 'PROJCS["WGS_1984_UTM_Zone_33S",GEOGCS["GCS_WGS_1984"]]',
      'b.png': png,
      'b.wld': WORLD,
      'b.png.aux.xml': `<PAMDataset><SRS dataAxisToSRSAxisMapping="1,2">${escaped}</SRS></PAMDataset>`,
      'c.png': png,
      'c.wld': WORLD,
      'c.prj': 'PROJCS["of our own",GEOGCS["GCS_WGS_1984"]]',
    })
    const crsOf = async (name: string) => {
      const position = await imagePosition(join(folder, name))
      return typeof position === 'object' ? position.crs : position
    }
    expect(await crsOf('a.png')).toBe(32_733)
    expect(await crsOf('b.png')).toBe(32_632)
    expect(await crsOf('c.png')).toBe('PROJCS["of our own",GEOGCS["GCS_WGS_1984"]]')
  })

  it('is in the tags of a GeoTIFF, whose pixels are areas or points', async () => {
    const tags = {
      ModelPixelScale: [0.5, 0.25, 0],
      ModelTiepoint: [0, 0, 0, 100, 200, 0],
      ProjectedCSTypeGeoKey: 25832,
    }
    expect(await imagePosition(await tiff({ ...tags, GTModelTypeGeoKey: 1, GTRasterTypeGeoKey: 1 }))).toEqual(
      {
        affine: [0.5, 0, 100, 0, -0.25, 200],
        crs: 25_832,
        from: 'GeoTIFF',
      },
    )
    expect(await imagePosition(await tiff({ ...tags, GTModelTypeGeoKey: 1, GTRasterTypeGeoKey: 2 }))).toEqual(
      {
        affine: [0.5, 0, 99.75, 0, -0.25, 200.125],
        crs: 25_832,
        from: 'GeoTIFF',
      },
    )
  })

  it('is not there for other images, and not where it cannot be used', async () => {
    const folder = await temporaryFolder({
      'a.png': await pixels.clone().png().toBuffer(),
      'b.png': await pixels.clone().png().toBuffer(),
      'b.wld': 'no numbers',
      'c.jpg': await pixels.clone().jpeg().withMetadata({ orientation: 6 }).toBuffer(),
      'c.jgw': WORLD,
      'd.tif': 'no TIFF',
    })
    expect(await imagePosition(join(folder, 'a.png'))).toBeUndefined()
    expect(await imagePosition(join(folder, 'b.png'))).toBe('has a world file (wld) without its six numbers')
    expect(await imagePosition(join(folder, 'c.jpg'))).toBe('is turned by its EXIF orientation')
    expect(await imagePosition(join(folder, 'd.tif'))).toBeUndefined()
  })
})

describe('a coordinate system', () => {
  it('has the code of its whole, not of a part', () => {
    expect(epsgOf(UTM_WKT)).toBe(32_632)
    expect(epsgOf('PROJCRS["x",BASEGEOGCRS["y",ID["EPSG",4326]],ID["EPSG",25832]]')).toBe(25_832)
    expect(epsgOf('PROJCS["x",GEOGCS["y",AUTHORITY["EPSG","4326"]],UNIT["metre",1]]')).toBeUndefined()
    expect(epsgOf('GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984"]]')).toBe(4326)
    expect(epsgOf('PROJCS["ETRS_1989_UTM_Zone_32N",GEOGCS["GCS_ETRS_1989"]]')).toBe(25_832)
    expect(epsgOf('PROJCS["ETRS_1989_UTM_Zone_99N",GEOGCS["GCS_ETRS_1989"]]')).toBeUndefined()
  })
})
