/**
 * @file `cvat`: the zip that CVAT imports as "Segmentation mask 1.1" (https://docs.cvat.ai/docs/dataset_management/formats/format-smask/),
 * read there by datumaro's VOC reader. RGB PNGs, because readers disagree on what a palette PNG is; an object is a class of an image.
 * Background and void are object 0, of which CVAT makes no annotation; void keeps its colour in SegmentationClass.
 */
import { stemOf } from '../data/image-endings.ts'
import { sample } from '../data/listing.ts'
import { InputError } from '../errors.ts'
import { encodeColours } from '../io/colour-png.ts'
import { count } from '../io/count.ts'
import { labelColour } from '../io/label-legend.ts'
import { IGNORE } from '../io/label-values.ts'
import { type ZipItem, zipped } from '../io/zip-writer.ts'
import type { ExportFormat, ExportOptions } from './export-format.ts'
import type { ExportImage } from './export-image.ts'

export const cvat: ExportFormat = {
  brief: 'the zip that CVAT imports as "Segmentation mask 1.1"',
  file: 'cvat.zip',
  write: async (images, files, options) => files.write('cvat.zip', zipped(entries(images, options))),
}

async function* entries(
  images: AsyncIterable<ExportImage>,
  { classes, tell, leaveOut }: ExportOptions,
): AsyncGenerator<ZipItem> {
  yield { name: 'labelmap.txt', data: labelMap(classes) }
  const names = new Set<string>()
  const unlisted: string[] = []
  for await (const image of images) {
    const name = stemOf(image.fileName)
    if (!isListable(name)) {
      unlisted.push(image.fileName)
      continue
    }
    if (names.has(name))
      throw new InputError(image.fileName, 'has the name of another image but for the ending', {
        expected: 'CVAT tells images apart by their names without the ending: rename one of them',
      })
    names.add(name)
    yield { name: `SegmentationClass/${name}.png`, data: await encodeColours(image, labelColour) }
    yield { name: `SegmentationObject/${name}.png`, data: await encodeColours(image, objectColour) }
  }
  leaveOut(unlisted.length)
  if (unlisted.length > 0)
    tell(
      `${count(unlisted.length, 'mask', 'is')} left out: ${sample(unlisted)}; in CVAT's list names have no blanks around them, no # in front, no backslash`,
    )
  yield { name: 'ImageSets/Segmentation/default.txt', data: [...names, ''].join('\n') }
}

const objectColour = (label: number) => labelColour(label === IGNORE ? 0 : label)

/** Lines `name:red,green,blue:parts:actions`; a label's number in CVAT is its line. */
function labelMap(classes: readonly string[]): string {
  const lines = ['background', ...classes].map((name, label) => labelLine(name, label))
  const unlabelled = ['void', 'ignored', 'unlabelled'].find(name => !classes.includes(name)) ?? '_void'
  return [...lines, labelLine(unlabelled, IGNORE), ''].join('\n')
}

function labelLine(name: string, label: number): string {
  if (!/^[^#:\s]([^:]*[^:\s])?$/u.test(name))
    throw new InputError('--format cvat', `cannot write the class "${name}"`, {
      expected:
        'a name in labelmap.txt has no colon, no blanks around it, and no # in front: rename the class',
    })
  return `${name}:${labelColour(label).join(',')}::`
}

/** Whether a line of a list of images holds the name as it is. */
function isListable(name: string): boolean {
  return name === name.trim() && !/^#|[\r\n\\]/.test(name)
}
