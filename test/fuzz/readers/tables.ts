/** @file Fuzzed readers of a person's tables and lists: CSV, JSON, XML, lists of images, class names. */
import { dirname } from 'node:path'
import { readInstances } from '../../../src/data/coco-file.ts'
import { imageNames } from '../../../src/data/image-names.ts'
import { readClassFile, readText } from '../../../src/data/listing.ts'
import { FIRST } from '../../../src/data/problems.ts'
import { readTagFile } from '../../../src/data/tag-file.ts'
import { annotatedClasses } from '../../../src/data/voc-annotation.ts'
import { readVocList } from '../../../src/data/voc-list.ts'
import type { FuzzedReader } from '../reader.ts'
import { checkTags, json, many, ROWS, seeds } from './text-seeds.ts'

/** Tags of a folder's table. */
async function readTags(path: string): Promise<void> {
  const { rows = new Map() } = (await readTagFile(dirname(path), { known: ['cat'] })) ?? {}
  checkTags(rows.values())
}

const TABLE_WORDS =
  'file tags a.jpg b.png cat Dog none ; | , x yes split train val sep=; images/ \\ 1 0 image label tag2 []'.split(
    ' ',
  )

const ANNOTATION = `<?xml version="1.0"?>
<!-- made by hand -->
<annotation><filename>a.jpg</filename><size><width>5</width></size>
<object><name>cat</name><part><name>head</name></part><bndbox><xmin>1</xmin></bndbox></object>
<object><name>dog &amp; &#228;</name></object><object><name><![CDATA[cow]]></name></object>
</annotation>
`

const VOC_IMAGES = [
  '2007_000032.jpg',
  '2007_000039.jpg',
  'IMG (1).jpg',
  'a.rf.0123.jpg',
  'x/b.png',
  'x/b.jpg',
]

export const READERS: readonly FuzzedReader[] = [
  {
    name: 'csv of tags',
    factor: ROWS,
    large: () => Buffer.from(`file,tags\n${many(100_000, i => `image-${i}.jpg,"cat;dog ${i % 200}"\n`)}`),
    file: 'tags.csv',
    ...seeds(
      'file,tags,split\na.jpg,cat;dog,train\n"b.jpg","dog small",train\nc.jpg,,val\n',
      'image;cat;dog\r\na.jpg;1;0\r\nb.jpg;x;\r\n',
      'a.jpg\tcat\tdog\nb.jpg\tdog\n',
      'sep=|\nname|tag1|tag2\na.jpg|cat|"a ""b"""\nb.png|none|\n',
      "file,tags\na.jpg,\"['cat', 'dog']\"\na.jpg,Cat\n",
    ),
    words: TABLE_WORDS,
    read: readTags,
  },
  {
    name: 'json of tags',
    factor: ROWS,
    large: () =>
      Buffer.from(`{${many(100_000, i => `"image-${i}.jpg":["cat","dog ${i % 200}"],`)}"x.jpg":[]}`),
    file: 'tags.json',
    ...json(
      { 'a.jpg': ['cat', 'dog'], 'b.jpg': 'cat, dog', 'c.jpg': null },
      [
        { file: 'a.jpg', tags: ['cat'], split: 'train' },
        { file_name: 'b.jpg', labels: 'dog;cow' },
      ],
      { cat: ['a.jpg', 'b.jpg'], dog: ['a.jpg'] },
      { images: [{ image: 'a.jpg', tags: { cat: 1, dog: 0 } }] },
    ),
    words: ['"a.jpg"', '"cat"', '"file":', '"tags":', '"__proto__":', '{"a.jpg":', '1', 'true', '"images":'],
    read: readTags,
  },
  {
    name: 'json of coco',
    large: () =>
      Buffer.from(
        JSON.stringify({
          images: Array.from({ length: 20_000 }, (_, id) => ({ id, file_name: `${id}.jpg`, width: 640 })),
          annotations: Array.from({ length: 40_000 }, (_, id) => ({
            id,
            image_id: id >> 1,
            category_id: 1,
            bbox: [1, 2, 3, 4],
          })),
          categories: [{ id: 1, name: 'cat' }],
        }),
      ),
    file: 'instances.json',
    ...json({
      images: [
        { id: 9, file_name: 'a.jpg', width: 5 },
        { id: 25, file_name: './x/b.jpg' },
      ],
      annotations: [
        { image_id: 9, category_id: 90, bbox: [0, 1, 2.5, 3], segmentation: [[1, 2, 3, 4, 5, 6]] },
        { image_id: 25, category_id: 1, iscrowd: 1 },
      ],
      categories: [
        { id: 90, name: 'toothbrush', supercategory: 'indoor' },
        { id: 1, name: 'person' },
      ],
    }),
    words: [
      '"id":',
      '"image_id":',
      '"file_name":',
      '"../a.jpg"',
      '{"id":1}',
      '"images":',
      '9',
      '90',
      '"person"',
    ],
    read: path => readInstances(path),
  },
  {
    name: 'xml of voc',
    large: () =>
      Buffer.from(`<annotation>${many(60_000, () => '<object><name>cat</name></object>\n')}</annotation>`),
    file: 'a.xml',
    ...seeds(ANNOTATION, '<annotation><object><name>cat</name></object></annotation>', '<annotation/>'),
    words:
      '<object> </object> <name> </name> <part> </part> <annotation> </annotation> &lt; <name/> <object a="'.split(
        ' ',
      ),
    read: async path => {
      const xml = await readText(path)
      if (xml !== undefined) annotatedClasses(xml, path)
    },
  },
  {
    name: 'list of voc',
    inputs: 5000,
    file: 'ImageSets/Segmentation/train.txt',
    beside: Object.fromEntries(VOC_IMAGES.map(name => [`JPEGImages/${name}`, ''])),
    ...seeds(
      '2007_000032\n2007_000039\nIMG (1)\na.rf.0123.jpg\n',
      '/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png\nx/b.jpg\n',
    ),
    words: [...VOC_IMAGES, 'JPEGImages/', 'b', '.png', '2007_000032', ' /Mask/a.png'],
    read: path =>
      readVocList(dirname(dirname(dirname(path))), 'train', {
        files: VOC_IMAGES,
        names: imageNames(VOC_IMAGES),
        problems: FIRST,
      }),
  },
  {
    name: 'classes.txt',
    file: 'classes.txt',
    ...seeds('cat\ndog\nstop sign\n', 'Käfer\r\ncow'),
    words: ['cat', 'Cat', 'background', 'dog'],
    read: path => readClassFile(dirname(path)),
    inputs: 2000,
  },
]
