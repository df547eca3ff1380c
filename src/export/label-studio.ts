/**
 * @file `label-studio`: tasks.json whose predictions people correct (https://labelstud.io/guide/predictions), and label-config.xml.
 * A brush is a class of an image: RGBA of 0 and 255, packed by the library that Label Studio itself unpacks with.
 */
import { basename, dirname } from 'node:path'
import { encodeBinary } from '@thi.ng/rle-pack'
import XMLBuilder from 'fast-xml-builder'
import { hexColour, labelColour } from '../io/label-legend.ts'
import { IGNORE } from '../io/label-values.ts'
import type { ExportFormat, ExportOptions } from './export-format.ts'
import type { ExportImage } from './export-image.ts'
import { labelAreas } from './label-areas.ts'
import { scoreField } from './score-field.ts'

/** Names of the two controls in the labelling config. */
const [IMAGE, BRUSH] = ['image', 'brush']

const LOCAL_FILES = '/data/local-files/?d='

/** Bytes of a file of tasks; Label Studio takes 250 MB, and needs several times that. */
const MOST_BYTES = 100e6

export const labelStudio: ExportFormat = {
  brief: 'tasks.json with brushes as predictions, and label-config.xml; --image-address',
  options: ['imageAddress'],
  async write(images, files, options) {
    await files.put('label-config.xml', labelConfig(options.classes))
    const tasks = taskTexts(images, options)[Symbol.asyncIterator]()
    let next = await tasks.next()
    let file = 1
    for (; file === 1 || !next.done; file++) {
      async function* pieces(): AsyncGenerator<string> {
        let bytes = 0
        yield '['
        for (; !next.done && bytes < MOST_BYTES; next = await tasks.next()) {
          yield `${bytes === 0 ? '\n' : ',\n'}${next.value}`
          bytes += next.value.length
        }
        yield '\n]\n'
      }
      await files.write(file === 1 ? 'tasks.json' : `tasks-${file}.json`, pieces())
    }
    if (file > 2) options.tell(`the tasks are in ${file - 1} files: import each`)
  },
}

async function* taskTexts(
  images: AsyncIterable<ExportImage>,
  { classes, name, imageAddress, tell }: ExportOptions,
): AsyncGenerator<string> {
  let prefix = imageAddress === undefined ? undefined : openEnded(imageAddress, tell)
  for await (const image of images) {
    prefix ??= localPrefix(image, tell)
    const regions = regionsOf(image, classes)
    const scores = regions.flatMap(({ score }) => score ?? [])
    const prediction = {
      model_version: `tagmask ${name}`,
      // of its least certain class, so that sorting by it brings doubtful images first
      ...(scores.length === 0 ? {} : { score: Math.min(...scores) }),
      result: regions,
    }
    yield JSON.stringify({
      data: { [IMAGE]: addressOf(prefix, image.fileName) },
      predictions: [prediction],
    })
  }
}

/** What stands before paths below the folder of the images when Label Studio serves the folder above it. */
function localPrefix({ image, fileName }: ExportImage, tell: ExportOptions['tell']): string {
  if (image === undefined) {
    tell(`images have the address ${LOCAL_FILES}NAME: --image-address gives another`)
    return LOCAL_FILES
  }
  const folder = image.slice(0, -fileName.length - 1)
  tell(
    `start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=${dirname(folder)}, and add ${folder} as a local storage of the project; --image-address gives another address`,
  )
  return `${LOCAL_FILES}${encodeURIComponent(basename(folder))}/`
}

/** An address that paths can be put behind. */
function openEnded(address: string, tell: ExportOptions['tell']): string {
  if (address === '' || /[/=]$/.test(address)) return address
  tell(`--image-address ${address} is taken as ${address}/`)
  return `${address}/`
}

/** Paths in web addresses are percent-encoded, those of storages (s3://) are not. */
function addressOf(prefix: string, fileName: string): string {
  const isStorage = /^(?!https?:)[a-z0-9-]+:\/\//i.test(prefix)
  return prefix + (isStorage ? fileName : fileName.split('/').map(encodeURIComponent).join('/'))
}

function regionsOf(image: ExportImage, classes: readonly string[]) {
  const { width, height, scores } = image
  const labels = [...labelAreas(image).keys()].filter(label => label !== 0 && label !== IGNORE)
  return labels.map(label => ({
    id: `class-${label}`,
    type: 'brushlabels',
    from_name: BRUSH,
    to_name: IMAGE,
    original_width: width,
    original_height: height,
    image_rotation: 0,
    ...scoreField(scores?.get(label)),
    value: { format: 'rle', rle: [...brush(image, label)], brushlabels: [classes[label - 1]!] },
  }))
}

/** Four channels a pixel, all 255 inside; runs of 3, 4, 8 or 16 bits, as the SDK's converter packs them. */
function brush({ data }: ExportImage, label: number): Uint8Array {
  const channels = new Uint8Array(4 * data.length)
  for (let i = 0; i < data.length; i++) if (data[i] === label) channels.fill(255, 4 * i, 4 * i + 4)
  return encodeBinary(channels, channels.length, 8, [3, 4, 8, 16])
}

function labelConfig(classes: readonly string[]): string {
  const builder = new XMLBuilder({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    format: true,
    suppressEmptyNode: true,
    suppressBooleanAttributes: false,
  })
  return builder.build({
    View: {
      Image: { '@name': IMAGE, '@value': `$${IMAGE}`, '@zoom': 'true' },
      BrushLabels: {
        '@name': BRUSH,
        '@toName': IMAGE,
        Label: classes.map((name, k) => ({
          '@value': name,
          '@background': hexColour(labelColour(k + 1)),
        })),
      },
    },
  })
}
