/** @file Tests of VOC's lists in every form, and of where its tags come from: cls_labels.npy, annotations, masks. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { repository } from '../../test/source-files.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { encodeLabelMap } from '../io/indexed-png.ts'
import { type Dataset, type OpenDatasetOptions, openDataset } from './dataset.ts'

const IDS = ['2007_000032', '2007_000039']
const XML = (...names: string[]) =>
  `<annotation>${names.map(name => `<object><name>${name}</name></object>`).join('')}</annotation>`
const MASK = (...data: number[]) =>
  encodeLabelMap({ width: data.length, height: 1, data: Uint8Array.from(data) })

/** VOC of two images; the label files are numpy 2's own. */
async function voc({
  list = IDS.join('\n'),
  more = {},
  arrays = {},
  ...options
}: {
  list?: string
  more?: Record<string, string | Uint8Array>
  arrays?: Record<string, string>
} & OpenDatasetOptions = {}): Promise<{ root: string; dataset: Dataset; said: string[] }> {
  const root = await temporaryFolder({
    'VOC2012/ImageSets/Segmentation/train.txt': list,
    ...Object.fromEntries(IDS.map(id => [`VOC2012/JPEGImages/${id}.jpg`, ''])),
    ...Object.fromEntries(Object.entries(more).map(([name, content]) => [`VOC2012/${name}`, content])),
  })
  for (const [from, to] of Object.entries(arrays))
    await cp(join(repository, 'test/fixtures/cls-labels', from), join(root, 'VOC2012', to))
  const dataset = await openDataset(root, options)
  const said = [...(dataset.notes ?? []), ...dataset.warnings].map(line =>
    line.replaceAll(join(root, 'VOC2012'), 'ROOT'),
  )
  return { root, dataset, said }
}

const namesOf = ({ samples, classes }: Dataset) => samples.map(({ tags }) => tags.map(k => classes[k]).join())
const TAGS = { 'tags.csv': `file,tags\n${IDS[0]},aeroplane\n${IDS[1]},tvmonitor\n` }

describe('lists', () => {
  test.each([
    ['ids with CRLF', IDS.join('\r\n'), []],
    [
      'ids with a number',
      IDS.map(id => `${id} 1`).join('\n'),
      ['ROOT/ImageSets/Segmentation/train.txt: 2 lines have numbers behind the name, which are not read'],
    ],
    [
      'lists of one class',
      `${IDS[0]} -1\n${IDS[1]}  1\n`,
      ['ROOT/ImageSets/Segmentation/train.txt: 2 lines have numbers behind the name, which are not read'],
    ],
    ['pairs', IDS.map(id => `/JPEGImages/${id}.jpg /SegmentationClassAug/${id}.png`).join('\r\n'), []],
  ])('%s', async (_, list, wanted) => {
    const masks = Object.fromEntries(
      IDS.map((id, i) => [`SegmentationClassAug/${id}.png`, MASK(0, i === 0 ? 1 : 20)]),
    )
    const { dataset, said } = await voc({ list, more: { ...TAGS, ...masks } })
    expect(dataset.samples.map(({ id }) => id)).toEqual(IDS)
    expect(dataset.samples.every(({ mask }) => mask !== undefined)).toBe(true)
    expect(said).toEqual(wanted)
  })

  test('an image whose name ends in a number is itself', async () => {
    const { dataset } = await voc({
      list: 'IMG 1\n',
      more: {
        'JPEGImages/IMG 1.jpg': '',
        'JPEGImages/IMG.jpg': '',
        'tags.csv': 'file,tags\nIMG 1.jpg,dog\n',
      },
    })
    expect(dataset.samples.map(({ id }) => id)).toEqual(['IMG 1'])
  })
})

describe('tags', () => {
  const masks = {
    [`SegmentationClass/${IDS[0]}.png`]: MASK(0, 1, 15, 255),
    [`SegmentationClass/${IDS[1]}.png`]: MASK(0, 20, 20, 255),
  }

  test('of cls_labels.npy, whose keys are names', async () => {
    const { dataset, said } = await voc({ arrays: { 'cls_labels.npy': 'cls_labels.npy' } })
    expect(namesOf(dataset)).toEqual(['aeroplane,person', 'tvmonitor'])
    expect(said).toEqual(['ROOT/cls_labels.npy: 1 of its 3 entries are of images that are not there'])
  })

  test('of cls_labels_onehot.npy, whose keys are numbers, beside the lists', async () => {
    const { dataset } = await voc({
      arrays: { 'cls_labels_onehot.npy': 'ImageSets/Segmentation/cls_labels_onehot.npy' },
    })
    expect(namesOf(dataset)).toEqual(['aeroplane', 'tvmonitor'])
  })

  test('of several sources: the first is used, and on how many images the others differ is said', async () => {
    const annotations = {
      [`Annotations/${IDS[0]}.xml`]: XML('aeroplane'),
      [`Annotations/${IDS[1]}.xml`]: XML('tvmonitor'),
    }
    const { dataset, said } = await voc({
      more: { ...TAGS, ...annotations, ...masks },
      arrays: { 'cls_labels.npy': 'cls_labels.npy' },
    })
    expect(namesOf(dataset)).toEqual(['aeroplane', 'tvmonitor'])
    expect(said).toEqual([
      'the tags are those of tags.csv',
      'cls_labels.npy also has tags, others for 1 of 2 images: 2007_000032',
      'Annotations/ also has tags, the same for all 2 images',
      'of 2 masks that were looked at 1 show other classes than the tags: 2007_000032',
    ])
  })

  test('of several sources: what is wrong with one that is only compared stops nothing, and is said', async () => {
    const { dataset, said } = await voc({
      more: { ...TAGS, [`Annotations/${IDS[0]}.xml`]: '<annotation><object><name>dog' },
    })
    expect(namesOf(dataset)).toEqual(['aeroplane', 'tvmonitor'])
    expect(said).toContainEqual(
      expect.stringMatching(/^Annotations\/ is not compared with it: .*2007_000032\.xml.*is cut short/),
    )
  })

  test('of the source that is named', async () => {
    const made = {
      more: {
        ...TAGS,
        [`Annotations/${IDS[0]}.xml`]: XML('dog'),
        [`Annotations/${IDS[1]}.xml`]: XML('cat'),
        ...masks,
      },
      arrays: { 'cls_labels.npy': 'labels/cls.npy' },
    }
    const annotations = await voc({ ...made, tags: 'annotations' })
    expect(namesOf(annotations.dataset)).toEqual(['dog', 'cat'])
    expect(annotations.said.slice(0, 2)).toEqual([
      'the tags are those of Annotations/',
      'the tag file also has tags, others for 2 of 2 images: 2007_000032, 2007_000039',
    ])
    const fromMasks = await voc({ ...made, tags: 'masks' })
    expect(namesOf(fromMasks.dataset)).toEqual(['aeroplane,person', 'tvmonitor'])
    expect(fromMasks.said).toEqual(['the tags are the classes in the masks of 2 images'])
    expect(namesOf((await voc({ ...made, tags: 'labels/cls.npy' })).dataset)).toEqual([
      'aeroplane,person',
      'tvmonitor',
    ])
  })

  test('of masks where there is nothing else', async () => {
    const { dataset } = await voc({ more: masks })
    expect(namesOf(dataset)).toEqual(['aeroplane,person', 'tvmonitor'])
  })

  test('in colours and of other classes', async () => {
    const legend =
      '# label:color_rgb:parts:actions\nbackground:0,0,0::\ntvmonitor:0,64,128::\nperson:192,128,128::\naeroplane:128,0,0::\n'
    const { dataset } = await voc({ more: { ...masks, 'labelmap.txt': legend }, tags: 'masks' })
    expect(namesOf(dataset)).toEqual(['aeroplane,person', 'tvmonitor'])
  })

  test('of another number of classes are refused', async () => {
    await expect(
      voc({ arrays: { 'cls_labels.npy': 'cls_labels.npy' }, more: { 'classes.txt': 'a\nb\n' } }),
    ).rejects.toThrow(
      'cls_labels.npy (2007_000032): has 20 classes for 2007_000032, and the data set has 2; a number of 0 or 1 for each class, in the order of the data set, without the background',
    )
  })
})
