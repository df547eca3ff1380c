/** @file Fuzzed readers of tags and masks from other programs: exports of tagging tools, keywords, label files, regions, legends. */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { readInstances } from '../../../src/data/coco-file.ts'
import { drawMask } from '../../../src/data/coco-mask.ts'
import { drawnMasks } from '../../../src/data/coco-regions.ts'
import { readText } from '../../../src/data/listing.ts'
import { findLegend, legendReading } from '../../../src/data/mask-legend.ts'
import { readTagsOf, tagFileOf } from '../../../src/data/tag-file.ts'
import { iptcKeywords } from '../../../src/data/tags/iptc.ts'
import { xmpKeywords } from '../../../src/data/tags/xmp.ts'
import { packCounts } from '../../../src/io/coco-rle.ts'
import { encodeLabelMap } from '../../../src/io/indexed-png.ts'
import { readJsonLists } from '../../../src/io/json-lists.ts'
import { walkXml } from '../../../src/io/xml.ts'
import { repository } from '../../source-files.ts'
import type { FuzzedReader } from '../reader.ts'
import { checkTags, json, many, ROWS, seeds } from './text-seeds.ts'

const IMAGES = ['a.jpg', 'x/b.png', 'c d.jpg', '2007_000032.jpg', '2007_000039.jpg']
const CLASSES = ['cat', 'dog', 'horse']
const fixture = (name: string): Promise<Buffer> =>
  readFile(join(repository, 'test/fixtures/cls-labels', name))

/** Of an export or another file of tags. */
async function readExport(path: string): Promise<void> {
  const exists = (name: string): boolean => IMAGES.some(file => file === name || file.startsWith(`${name}.`))
  const { rows } = await readTagsOf(path, { files: IMAGES, exists, known: CLASSES })
  checkTags(rows.values())
}

const task = (id: number, link: string, ...values: object[]): object => ({
  id,
  data: { image: link },
  annotations: [{ id, was_cancelled: false, result: values.map(value => ({ type: 'choices', value })) }],
})

const CVAT = `<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><name>one</name></task></meta>
<image id="0" name="a.jpg" subset="train"><tag label="cat"/><box label="dog" xtl="1"/></image>
<image id="1" name="x/b.png"><polygon label="horse" points="1,2;3,4"><attribute name="a">b</attribute></polygon></image>
</annotations>`

const list = (name: string, kind: string, ...words: string[]): string =>
  `<${name}><rdf:${kind}>${words.map(word => `<rdf:li>${word}</rdf:li>`).join('')}</rdf:${kind}></${name}>`
const XMP = `<?xpacket begin="\ufeff"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:digiKam="http://www.digikam.org/ns/1.0/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/">
${list('digiKam:TagsList', 'Seq', 'Animals/Cat', 'Sea &amp; Sand')}${list('lr:hierarchicalSubject', 'Bag', 'Animals|Dog')}
${list('dc:subject', 'Bag', 'Cat', 'K&#228;fer')}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`

function checkKeywords(path: string, tags: readonly string[]): void {
  const row = { file: 'a.jpg', tags, split: undefined, where: 'a.jpg' }
  checkTags(tagFileOf(path, { rows: [row], exclusive: false, notes: [] }).rows.values())
}

/** A data set of IPTC with a keyword. */
const keyword = (text: string): Buffer => {
  const data = Buffer.from(text)
  return Buffer.concat([Buffer.from([0x1c, 2, 25, data.length >> 8, data.length & 255]), data])
}
const IPTC = Buffer.concat([keyword('cat'), keyword('sea lion'), Buffer.from([0x1c, 2, 5, 0, 1, 65])])
const PHOTOSHOP = Buffer.concat([
  Buffer.from('Photoshop 3.0\x008BIM\x03\xed\x00\x00\x00\x00\x00\x07', 'latin1'),
  Buffer.alloc(8),
  Buffer.from('8BIM\x04\x04\x00\x00\x00\x00\x00', 'latin1'),
  Buffer.from([IPTC.length]),
  IPTC,
])

const [WIDTH, HEIGHT] = [40, 30]
const REGIONS = {
  images: [{ id: 1, file_name: 'a.png', width: WIDTH, height: HEIGHT }],
  annotations: [
    {
      id: 1,
      image_id: 1,
      category_id: 7,
      segmentation: [
        [1, 2, 30.5, 4, 20, 28.25],
        [3, 3, 9, 3, 9, 9, 3, 9],
      ],
    },
    {
      id: 2,
      image_id: 1,
      category_id: 9,
      iscrowd: 1,
      segmentation: { size: [30, 40], counts: [10, 90, 1100] },
    },
    {
      id: 3,
      image_id: 1,
      category_id: 9,
      segmentation: { size: [30, 40], counts: packCounts([100, 20, 10, 5, 40, 25, 1000]) },
    },
  ],
  categories: [
    { id: 7, name: 'cat' },
    { id: 9, name: 'dog' },
  ],
}

/** The masks of a JSON hold its labels and nothing else. */
async function readRegions(path: string): Promise<void> {
  const instances = await readInstances(path)
  const labels = new Map([
    [7, 1],
    [9, 2],
  ])
  const { drawn } = drawnMasks(instances, { labels, crowds: 'ignore', file: path })
  for (const mask of drawn.values()) {
    const { width, height, data } = await drawMask(path, mask, { image: join(dirname(path), 'a.png') })
    if (data.length !== width * height) throw new Error('a mask of another size')
    if (data.some(label => label > 2 && label !== 255)) throw new Error('a label of no class')
  }
}

/** As JSON.parse reads them, where it takes the file. */
async function readLists(path: string): Promise<void> {
  const found: Record<string, unknown[]> = { a: [], b: [] }
  const lists = await readJsonLists(path, {
    lists: { a: ({ value }) => found.a!.push(value), b: ({ value }) => found.b!.push(value) },
  })
  let plain: Record<string, unknown>
  try {
    plain = JSON.parse((await readFile(path, 'utf8')).replace(/^\ufeff/, ''))
  } catch {
    return
  }
  for (const name of lists)
    if (!isDeepStrictEqual(found[name], plain[name])) throw new Error(`"${name}" is read as another list`)
}

async function withText(path: string, read: (text: string) => unknown): Promise<void> {
  const text = await readText(path)
  if (text !== undefined) read(text)
}

const LINKS = ['"a.jpg"', '"/data/upload/1/abcdef12-a.jpg"', '/data/local-files/?d=x/b.png', 'c_d.jpg', '%20']

export const READERS: readonly FuzzedReader[] = [
  {
    name: 'json of label studio',
    factor: ROWS,
    file: 'job.json',
    large: () =>
      Buffer.from(
        JSON.stringify(
          Array.from({ length: 20_000 }, (_, i) => task(i, `/data/upload/1/${i}.jpg`, { choices: ['cat'] })),
        ),
      ),
    ...json(
      [
        task(1, '/data/upload/1/abcdef12-a.jpg', { choices: ['cat', 'dog'] }),
        task(2, 'https://host/x/b.png?x=1', { rectanglelabels: ['horse'], x: 1 }),
        task(3, '/data/local-files/?d=c%20d.jpg', { taxonomy: [['Animals', 'cat']] }),
      ],
      [
        { id: 1, image: '/data/upload/1/abcdef12-a.jpg', choice: 'cat', annotator: 1 },
        { id: 2, image: 'x/b.png', choice: { choices: ['cat', 'dog'] }, annotation_id: 4, lead_time: 1.5 },
        { id: 3, image: 'c d.jpg', choice: '["cat"]', annotation_id: 5, lead_time: 2 },
      ].map(record => ({ annotation_id: 3, lead_time: 1, ...record })),
    ),
    words: [
      ...LINKS,
      '"data":',
      '"annotations":[',
      '"result":',
      '"choices":',
      '"was_cancelled":true',
      '"cat"',
    ],
    read: readExport,
  },
  {
    name: 'csv of label studio',
    factor: ROWS,
    file: 'job.csv',
    large: () =>
      Buffer.from(
        `annotation_id,image,choice,lead_time\n${many(50_000, i => `${i},/data/upload/${i}.jpg,cat,1.5\n`)}`,
      ),
    ...seeds(
      'annotation_id,annotator,choice,id,image,lead_time\n1,2,cat,1,/data/upload/1/abcdef12-a.jpg,1.5\n2,2,"{""choices"": [""cat"", ""dog""]}",2,x/b.png,3\n',
      'image\tchoice\tannotation_id\tlead_time\na.jpg\tcat\t1\t2\n',
    ),
    words: [
      ...LINKS,
      'annotation_id',
      'lead_time',
      'choice',
      'image',
      ',',
      '"{""choices"": [""cat""]}"',
      'cat',
    ],
    read: readExport,
  },
  {
    name: 'xml of cvat',
    factor: ROWS,
    file: 'job.xml',
    large: () =>
      Buffer.from(
        `<annotations>${many(30_000, i => `<image id="${i}" name="${i}.jpg"><tag label="cat"/></image>\n`)}</annotations>`,
      ),
    ...seeds(CVAT, '<annotations><image name="a.jpg"/></annotations>'),
    words:
      '<image </image> name="a.jpg" label="dog" <tag <track> <box /> > </annotations> &amp; subset="val" id="1"'.split(
        ' ',
      ),
    read: readExport,
  },
  {
    name: 'label file of yolo',
    file: 'labels/a.txt',
    beside: { 'data.yaml': 'names: [cat, dog]\n', 'labels/b.txt': '0 0.5 0.5 0.2 0.2\n' },
    factor: ROWS,
    large: () => Buffer.from(many(50_000, i => `${i % 2} 0.5 0.25 0.125 0.0625\n`)),
    ...seeds('0 0.5 0.5 0.2 0.3\n1 0.1 0.2 0.3 0.4 0.5 0.6\n', '1 0.5 0.5 0.2 0.3'),
    words: ['0', '1', '2', '0.5', '1e-3', '\n'],
    read: path => readExport(join(dirname(dirname(path)), 'data.yaml')),
  },
  {
    name: 'data.yaml of yolo',
    file: 'data.yaml',
    beside: { 'labels/a.txt': '0 0.5 0.5 0.2 0.2\n1 0.5 0.5 0.2 0.2\n', 'labels/train/b.txt': '' },
    spare: 32, // the parser keeps a node for each letter or two of the file
    ...seeds(
      'train: ../train/images\nnc: 2\nnames: [cat, dog]\n',
      'path: .\nnames:\n  0: cat\n  1: "sea lion"\n',
      "names: ['cat', 'dog', 'horse']\nroboflow:\n  version: 1\n",
    ),
    words: ['names:', '[cat, dog]', '0: cat', '- cat', '1', 'nc:', '\n  '],
    read: readExport,
  },
  {
    name: 'cls_labels.npy',
    file: 'cls_labels.npy',
    inputs: 5000,
    spare: 64, // src/io/budget.ts
    seeds: async () => [await fixture('cls_labels.npy'), await fixture('cls_labels_onehot.npy')],
    read: async path => {
      const known = Array.from({ length: 20 }, (_, k) => `class ${k}`)
      const { rows } = await readTagsOf(path, { exists: () => true, isImage: () => true, known })
      checkTags(rows.values())
    },
  },
  {
    name: 'xmp',
    file: 'a.jpg.xmp',
    large: () =>
      Buffer.from(
        XMP.replace(
          '<rdf:li>Cat</rdf:li>',
          many(50_000, i => `<rdf:li>word ${i}</rdf:li>`),
        ),
      ),
    ...seeds(XMP),
    words: [
      '<rdf:li>',
      '</rdf:li>',
      '<rdf:Bag>',
      'dc:subject',
      'digiKam:TagsList',
      'xmlns:dc=',
      '"urn:x"',
      'a/b|c',
    ],
    read: path => withText(path, text => checkKeywords(path, xmpKeywords(text, path))),
  },
  {
    name: 'iptc',
    file: 'a.iptc',
    factor: ROWS,
    large: () => Buffer.concat(Array.from({ length: 50_000 }, (_, i) => keyword(`keyword ${i}`))),
    seeds: () => [IPTC, PHOTOSHOP],
    read: async path => checkKeywords(path, iptcKeywords(await readFile(path), path)),
  },
  {
    name: 'xml',
    file: 'a.xml',
    large: () => Buffer.from(`<a>${many(100_000, i => `<b c="${i}">text</b>\n`)}</a>`),
    ...seeds(
      '<?xml version="1.0"?><!DOCTYPE a><a xmlns:x="urn:y"><x:b c="d">e<![CDATA[f]]></x:b><!-- g --></a>',
    ),
    words: [
      '<a>',
      '</a>',
      '<b c="d"/>',
      '<!ENTITY x "y">',
      '&x;',
      '&#x41;',
      ']]>',
      '<!DOCTYPE a [',
      'xmlns="z"',
    ],
    read: path =>
      withText(path, text => walkXml(text, path, { open: () => undefined, close: () => undefined })),
  },
  {
    name: 'lists of a json',
    file: 'a.json',
    large: () =>
      Buffer.from(`{"x":${JSON.stringify('y'.repeat(2 ** 20))},"a":[${many(200_000, i => `{"i":${i}},`)}0]}`),
    ...json(
      { x: { a: [1] }, a: [1, 'two', { three: [3, '\\"]}'] }, null], y: 'é', b: [[], {}] },
      { b: [], a: [true] },
    ),
    words: ['"a":', '"b":', '[1,', ']', '{"c":', '}', '\\"', '"', ',', '\\u0022', '\\\\'],
    read: readLists,
  },
  {
    name: 'regions of coco',
    file: 'instances.json',
    beside: {
      'a.png': encodeLabelMap({ width: WIDTH, height: HEIGHT, data: new Uint8Array(WIDTH * HEIGHT) }),
    },
    ...json(REGIONS),
    words: [
      '"segmentation":',
      '[[',
      ']]',
      '"size":',
      '[30,40]',
      '"counts":',
      '"0d0"',
      '1e9',
      '-1',
      '1200',
      '0.5',
      '"iscrowd":1',
    ],
    read: readRegions,
  },
  {
    name: 'legend of masks',
    file: 'labelmap.txt',
    ...seeds(
      '# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:128,0,0::\ndog:0,128,0:head:\n',
      'name,r,g,b\ncat,128,0,0\n"sea lion",0,1,2\n',
      '64 128 64\tAnimal\n0 0 0\tVoid\n',
      '1 cat\n2 dog\n255 void\n',
      'cat #800000\ndog #008000\n',
    ),
    words: ['cat', '128,0,0', '#ff0000', '255', '300', ':', '::', '\t', ';', '\n', 'background', '//'],
    read: async path => {
      const legend = await findLegend(dirname(path))
      for (const labels of legend === undefined ? [] : legendReading(legend, CLASSES).reading.labels.values())
        if (labels.some(label => !(label <= CLASSES.length || label === 255)))
          throw new Error('a label of no class')
    },
  },
]
