import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { writeLabelMap } from '../../io/indexed-png.ts'
import { fromFloat32 } from '../../io/tensor-data.ts'
import { createLog } from '../../train/log.ts'
import { writeCams } from '../images/cam-file.ts'
import { type ExportMasksOptions, exportMasks } from './export-masks.ts'

// 4 x 2 pixels: background, cat, dog, void from left to right
const [WIDTH, HEIGHT] = [4, 2]
const ROW = [0, 1, 2, 255]
const NAMES = ['plain', 'with blanks & quotes " \'', 'été 夏', 'trip/beach']

async function exported(change: Partial<ExportMasksOptions>) {
  const folder = await temporaryFolder({
    'masks/labels.json': JSON.stringify(
      ['background', 'cat', 'dog: "big"'].map((name, index) => ({ index, name })),
    ),
    'masks/trip/x': '',
    'photos/trip/x': '',
    'maps/x': '',
  })
  for (const name of NAMES) {
    const data = Uint8Array.from(name === 'plain' ? new Array(8).fill(0) : [...ROW, ...ROW])
    await writeLabelMap(join(folder, 'masks', `${name}.png`), { width: WIDTH, height: HEIGHT, data })
    await sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: '#888' } })
      .jpeg()
      .toFile(join(folder, 'photos', `${name}.jpg`))
  }
  await writeFile(join(folder, 'photos', 'été 夏.jgw'), '2\n0\n0\n-2\n11\n99\n')
  const cam = fromFloat32(
    Float32Array.from({ length: 16 }, (_, i) => (i < 8 ? 0.8 : 0.2)),
    [2, HEIGHT, WIDTH],
  )
  await writeCams(join(folder, 'maps', 'trip__beach.safetensors'), { cam, classes: [0, 1] })
  const lines: string[] = []
  const count = await exportMasks({
    target: join(folder, 'masks'),
    format: 'labelme',
    out: join(folder, 'out'),
    images: join(folder, 'photos'),
    maps: join(folder, 'maps'),
    signal: new AbortController().signal,
    log: createLog({ stream: { write: text => lines.push(text) }, env: {} }),
    ...change,
  })
  const entries = await readdir(join(folder, 'out'), { recursive: true, withFileTypes: true })
  const files = entries
    .filter(entry => entry.isFile() && entry.name !== 'tagmask-export.json')
    .map(entry => join(entry.parentPath, entry.name).slice(join(folder, 'out').length + 1))
    .sort()
  const read = (name: string) => readFile(join(folder, 'out', name), 'utf8')
  return { count, files, read, text: lines.join('') }
}

describe('an export as labelme', () => {
  it('is a JSON for each image, by its name and sub-folder', async () => {
    const { count, files, read, text } = await exported({})
    expect(count).toBe(4)
    expect(files).toEqual([...NAMES.map(name => `${name}.json`), 'labels.txt'].sort())
    expect(JSON.parse(await read('plain.json')).shapes).toEqual([])
    const { imagePath, shapes } = JSON.parse(await read('trip/beach.json'))
    expect(imagePath).toBe('beach.jpg')
    expect(shapes.map(({ label }: { label: string }) => label)).toEqual(['cat', 'dog: "big"'])
    expect(await read('labels.txt')).toBe('__ignore__\n_background_\ncat\ndog: "big"\n')
    expect(text).toContain(
      'labelme: put each JSON beside its image (sub-folders are kept), or export with --copy-images',
    )
  })

  it('takes the images along, and only the classes that are named', async () => {
    const { files, read } = await exported({ copyImages: true, classes: ['dog: "big"'] })
    expect(files).toEqual([...NAMES.flatMap(name => [`${name}.jpg`, `${name}.json`]), 'labels.txt'].sort())
    const { shapes } = JSON.parse(await read('trip/beach.json'))
    expect(shapes).toHaveLength(1)
    expect(await read('labels.txt')).toBe('__ignore__\n_background_\ndog: "big"\n')
  })
})

describe('an export as yolo', () => {
  it('has labels beside the images, and data.yaml', async () => {
    const { files, read, text } = await exported({ format: 'yolo', copyImages: true })
    expect(files).toEqual(
      [
        'data.yaml',
        ...NAMES.flatMap(name => [`images/train/${name}.jpg`, `labels/train/${name}.txt`]),
      ].sort(),
    )
    expect(await read('labels/train/plain.txt')).toBe('')
    expect((await read('labels/train/été 夏.txt')).split('\n').map(line => line.split(' ')[0])).toEqual([
      '0',
      '1',
      '',
    ])
    expect(await read('data.yaml')).toContain('\n  0: "cat"\n') // as YAML 1.1 reads no, 12:30 and = else
    expect(parse(await read('data.yaml'))).toEqual({
      train: 'images/train',
      val: 'images/train',
      names: { 0: 'cat', 1: 'dog: "big"' },
    })
    expect(text).toContain('no image is of a val split')
  })
})

describe('an export of polygons', () => {
  it('leaves out what is less certain, and has the score of the rest', async () => {
    const labelme = await exported({ minScore: 0.5 }) // cat has 0.8, the other 0.2
    const { shapes } = JSON.parse(await labelme.read('trip/beach.json'))
    expect(shapes.map(({ description }: { description: string }) => description)).toEqual(['score 0.8000'])
    const yolo = await exported({ format: 'yolo', minScore: 0.5 })
    expect(await yolo.read('labels/train/trip/beach.txt')).toMatch(/^0 [^\n]*\n$/)
    const geojson = await exported({ format: 'geojson', minScore: 0.5 })
    const { features } = JSON.parse(await geojson.read('trip__beach.geojson'))
    expect(features).toHaveLength(1)
    expect(features[0].properties).toMatchObject({ class: 'cat', score: 0.8 })
  })
})

describe('an export as geojson', () => {
  it('is on the map where the image is, else in pixels as QGIS shows it', async () => {
    const { files, read, text } = await exported({ format: 'geojson', tolerance: 0 })
    expect(files).toEqual(
      ['plain', 'with blanks & quotes " \'', 'été 夏', 'trip__beach'].map(id => `${id}.geojson`).sort(),
    )
    const ringOf = async (name: string) => JSON.parse(await read(name)).features[0].geometry.coordinates[0][0]
    expect(await ringOf('trip__beach.geojson')).toEqual([
      [1, -2],
      [2, -2],
      [2, 0],
      [1, 0],
      [1, -2],
    ])
    expect(await ringOf('été 夏.geojson')).toEqual([
      [12, 96],
      [14, 96],
      [14, 100],
      [12, 100],
      [12, 96],
    ])
    expect(JSON.parse(await read('plain.geojson')).features).toEqual([])
    expect(text).toContain('geojson: 3 images without a position')
    expect(text).toContain('geojson: nothing names the coordinate system of 1 image')
  })
})
