/** @file Tests of masks drawn from COCO's regions against pycocotools 2.0.11: polygons, run lengths, crowds, order, sizes. */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { repository } from '../../test/source-files.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { packCounts } from '../io/coco-rle.ts'
import type { Crowds } from './coco-mask.ts'
import { fillPolygon } from './coco-polygon.ts'
import { type Dataset, openDataset } from './dataset.ts'
import { readTruth } from './truth.ts'

const BIG = [5.5, 4.2, 55.3, 6.1, 50.7, 36.4, 8.9, 33.3]
const SMALL = [20.0, 12.0, 30.0, 12.5, 28.0, 24.0, 19.0, 22.0]
const PARTS = [
  [1, 1, 9, 1, 9, 6, 1, 6],
  [45.2, 30.1, 58.8, 30.1, 58.8, 39.0, 44.0, 38.5],
]
const DOT = { size: [40, 60], counts: [894, 4, 36, 4, 36, 4, 36, 4, 1382] }
const CROWD = { size: [40, 60], counts: 'Pb1i0?00000000000000000000000000000000000000' }

interface Drawn {
  readonly image_id: number
  readonly category_id: number
  readonly segmentation?: unknown
  readonly iscrowd?: number
}

/** In an order that drawing one after the other would get wrong. */
const ANNOTATIONS: readonly Drawn[] = [
  { image_id: 1, category_id: 90, segmentation: DOT },
  { image_id: 1, category_id: 1, segmentation: [BIG] },
  { image_id: 1, category_id: 13, segmentation: [SMALL] },
  { image_id: 1, category_id: 13, segmentation: PARTS },
  { image_id: 1, category_id: 1, segmentation: CROWD, iscrowd: 1 },
]

const grey = (width: number, height: number, orientation = 1) =>
  sharp({ create: { width, height, channels: 3, background: '#777' } })
    .greyscale()
    .withMetadata({ orientation })
    .jpeg()
    .toBuffer()

/** COCO with an image of 60 x 40 with annotations, and one without. */
async function coco({
  annotations = ANNOTATIONS,
  size = { width: 60, height: 40 },
  image = grey(60, 40),
}: {
  annotations?: readonly object[]
  size?: object
  image?: Promise<Buffer>
} = {}): Promise<string> {
  return temporaryFolder({
    'train2014/a.jpg': await image,
    'train2014/b.jpg': await grey(8, 8),
    'annotations/instances_train2014.json': JSON.stringify({
      info: { description: 'a "test"' },
      images: [
        { id: 1, file_name: 'a.jpg', ...size },
        { id: 2, file_name: 'b.jpg', width: 8, height: 8 },
      ],
      annotations: annotations.map((annotation, i) => ({ id: 100 + i, ...annotation })),
      categories: [
        { id: 1, name: 'person' },
        { id: 13, name: 'stop sign' },
        { id: 90, name: 'toothbrush' },
      ],
    }),
  })
}

const truthOf = ({ samples }: Dataset) => readTruth(samples[0]!, { width: 60, height: 40 })
const hashOf = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

describe('a polygon', () => {
  it('is filled to the pixels of pycocotools: 61 polygons of five kinds, also beyond the image', async () => {
    const file = join(repository, 'test/fixtures/coco-polygons.json')
    const cases: { width: number; height: number; corners: number[]; counts: string }[] = JSON.parse(
      await readFile(file, 'utf8'),
    )
    expect(cases).toHaveLength(61)
    for (const { width, height, corners, counts } of cases)
      expect(packCounts(fillPolygon(corners, { width, height }).counts)).toBe(counts)
  })
})

describe('a mask drawn from regions', () => {
  it.each([
    [
      'ignore',
      '25087575205e4814f6f99120239623c642d9a119d075e4d09a72bcc8f239f1e7',
      'are 255, which is not scored',
    ],
    ['class', '10dcd401193ab0744ff85225bb6a4c3ccee2e53d5cdee34ec3d779242605a0e0', 'have their class'],
    ['leave-out', 'afcd9b08c822f6def73ec491fb92c938c708edc4b1948f07dcbcdb7ea16c4bcd', 'are background'],
  ] as const)('is that of pycocotools, largest first; crowds: %s', async (crowds, hash, words) => {
    const root = await coco()
    const dataset = await openDataset(root, { crowds: crowds satisfies Crowds })
    const truth = await truthOf(dataset)
    expect([truth.width, truth.height, truth.rotated]).toEqual([60, 40, false])
    expect(hashOf(truth.data)).toBe(hash)
    expect(dataset.notes?.map(note => note.replace(root, 'ROOT'))).toEqual([
      `ROOT/annotations/instances_train2014.json: the masks are drawn from its regions, small ones over large ones; crowds (iscrowd) ${words}`,
    ])
  })

  it('that goes round and round is as one round: memory does not grow with it', () => {
    const size = { width: 60, height: 40 }
    const rounds = Array.from({ length: 5001 }, () => BIG).flat()
    expect(fillPolygon(rounds, size)).toEqual(fillPolygon(BIG, size))
    expect(fillPolygon([...rounds, ...BIG], size)).toEqual({ ...size, counts: Uint32Array.of(2400) })
  })

  it('is not one of an image without annotations, which may be unfinished', async () => {
    const { samples, warnings } = await openDataset(await coco())
    expect(samples.map(({ mask }) => mask !== undefined)).toEqual([true, false])
    expect(warnings).toEqual([
      '1 image has no tags (not trained on; no CAM and no pseudo mask is made of it): b',
    ])
  })

  it('is not one of an image of which some annotations are boxes alone', async () => {
    const boxed = [...ANNOTATIONS, { image_id: 2, category_id: 1, segmentation: [] }]
    const { samples, warnings } = await openDataset(await coco({ annotations: boxed }))
    expect(samples.map(({ mask }) => mask !== undefined)).toEqual([true, false])
    expect(warnings).toEqual([
      '1 image has annotations without a region, so no mask (left out of scores): b.jpg',
    ])
    const none = await openDataset(await coco({ annotations: [{ image_id: 1, category_id: 1 }] }))
    expect(none.samples.every(({ mask }) => mask === undefined)).toBe(true)
  })

  it('of the upright photo, or of its pixels as stored, which are then rotated', async () => {
    const image = grey(40, 60, 6) // upright 60 x 40
    const upright = await truthOf(await openDataset(await coco({ image })))
    expect([upright.width, upright.height, upright.rotated]).toEqual([60, 40, false])
    const annotations = [{ image_id: 1, category_id: 13, segmentation: [[0, 0, 10, 0, 10, 5, 0, 5]] }]
    const stored = await truthOf(
      await openDataset(await coco({ image, annotations, size: { width: 40, height: 60 } })),
    )
    expect([stored.width, stored.height, stored.rotated]).toEqual([60, 40, true])
    const corner = [...stored.data].flatMap((label, i) => (label === 2 ? [i] : []))
    expect([corner.length, Math.min(...corner.map(i => i % 60)), corner[0]! / 60]).toEqual([50, 55, 55 / 60])
  })

  it.each([
    [
      'another size than the image',
      { size: { width: 30, height: 20 } },
      'ROOT/train2014/a.jpg: has 60 x 40 pixels, and ROOT/annotations/instances_train2014.json says 30 x 20; use the images that were annotated, not resized ones',
    ],
    [
      'run lengths of another size',
      { annotations: [{ ...ANNOTATIONS[0], segmentation: { ...DOT, size: [40_000_000, 60] } }] },
      'ROOT/annotations/instances_train2014.json (annotation 100): has run lengths of 60 x 40000000, and the image has 60 x 40; size is [height, width] of the image',
    ],
    [
      'a polygon far outside',
      { annotations: [{ ...ANNOTATIONS[0], segmentation: [[0, 0, 1e9, 0, 1e9, 1e9]] }] },
      'ROOT/annotations/instances_train2014.json (annotation 100): has a polygon that is none, or lies far outside of its image; corners x, y, x, y, ... in pixels of an image of 60 x 40',
    ],
    [
      'a polygon of words',
      { annotations: [{ ...ANNOTATIONS[0], segmentation: [['a', 0, 1, 0, 1, 1]] }] },
      'ROOT/annotations/instances_train2014.json (annotation 100): has a polygon that is none, or lies far outside of its image; corners x, y, x, y, ... in pixels of an image of 60 x 40',
    ],
  ])('with %s is refused', async (_, made, message) => {
    const root = await coco(made)
    const error = await openDataset(root)
      .then(truthOf)
      .catch((cause: unknown) => cause)
    expect((error as Error).message.replaceAll(root, 'ROOT')).toBe(message)
  })

  it('takes a flat polygon, and leaves a line out', async () => {
    const annotations = [
      { image_id: 1, category_id: 1, segmentation: [1, 1, 9, 1, 9, 6, 1, 6] },
      { image_id: 1, category_id: 13, segmentation: [[20, 20, 30, 30]] },
    ]
    const { data } = await truthOf(await openDataset(await coco({ annotations })))
    expect([1, 2].map(label => data.filter(one => one === label).length)).toEqual([40, 0])
  })
})

describe('tags of COCO', () => {
  const namesOf = ({ samples, classes }: Dataset) =>
    samples.map(({ tags }) => tags.map(k => classes[k]).join())

  it('from a file of tags, whatever the annotations say', async () => {
    const root = await coco()
    await writeFile(join(root, 'own.csv'), 'file,tags\ntrain2014/a.jpg,toothbrush\nb.jpg,Stop sign\n')
    const dataset = await openDataset(root, { tags: 'own.csv' })
    expect(namesOf(dataset)).toEqual(['toothbrush', 'stop sign'])
    expect(dataset.notes?.some(note => note === `the tags are those of ${join(root, 'own.csv')}`)).toBe(true)
    await writeFile(join(root, 'own.csv'), 'file,tags\na.jpg,toothbrsh\n')
    await expect(openDataset(root, { tags: 'own.csv' })).rejects.toThrow(
      'unknown class "toothbrsh"; did you mean "toothbrush"?',
    )
  })

  it('from its masks: the classes that are drawn, crowds as data.crowds says', async () => {
    const crowd = [{ image_id: 1, category_id: 1, segmentation: CROWD, iscrowd: 1 }, ANNOTATIONS[0]!]
    const root = await coco({ annotations: crowd })
    expect(namesOf(await openDataset(root))).toEqual(['person,toothbrush', ''])
    expect(namesOf(await openDataset(root, { tags: 'masks' }))).toEqual(['toothbrush', ''])
    expect(namesOf(await openDataset(root, { tags: 'masks', crowds: 'class' }))).toEqual([
      'person,toothbrush',
      '',
    ])
  })
})
