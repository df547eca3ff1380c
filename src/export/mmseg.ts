/**
 * @file `mmseg`: img_dir/ and ann_dir/ for MMSegmentation's BaseSegDataset, and its configuration. Label 0 is the background and is
 * learned as a class (reduce_zero_label False); 255 is ignored.
 */
import { extname } from 'node:path'
import { stemOf } from '../data/image-endings.ts'
import { encodeLabelMap } from '../io/indexed-png.ts'
import { labelColour } from '../io/label-legend.ts'
import type { ExportFormat, ExportOptions } from './export-format.ts'

export const mmseg: ExportFormat = {
  brief: 'img_dir/, ann_dir/ by split, and a dataset configuration for MMSegmentation',
  perImage: true,
  needs: 'images',
  async write(images, files, options) {
    const endings = new Map<string, Set<string>>()
    let unsplit = false
    for await (const image of images) {
      unsplit ||= image.split === undefined
      const split = (image.split ?? 'train').replace(/\W+/g, '_')
      const name = stemOf(image.fileName)
      endings.set(split, (endings.get(split) ?? new Set()).add(extname(image.fileName)))
      if (image.made) continue
      await files.put(`ann_dir/${split}/${name}.png`, encodeLabelMap(image))
      await files.copy(`img_dir/${split}/${image.fileName}`, image.image!)
    }
    await files.put('classes.txt', ['background', ...options.classes, ''].join('\n'))
    await files.put('dataset.py', configuration(options, endings))
    if (unsplit) options.tell('all images are in train: a folder of masks has no splits')
    if ([...endings.values()].some(({ size }) => size > 1))
      options.tell('the images have several endings: dataset.py joins a data set for each')
  },
}

/** A data set for each split; of several endings one for each, joined, because a data set knows one. */
function configuration(
  { classes, name }: ExportOptions,
  endings: ReadonlyMap<string, ReadonlySet<string>>,
): string {
  const labels = ['background', ...classes]
  const datasets = [...endings].map(([split, found]) => {
    const parts = [...found].sort().map(ending => datasetText(split, ending))
    const [only, ...others] = parts
    const joined = `dict(type='ConcatDataset', datasets=[\n${parts.join(',\n')}])`
    return `${split}_dataset = ${others.length === 0 ? only : joined}\n`
  })
  return `# ${name.replace(/\s+/g, ' ')}: masks of tagmask for MMSegmentation 1.x; add your pipelines
data_root = '.'  # the path of this folder from where you start
metainfo = dict(
    classes=(
${labels.map(label => `        ${python(label)},\n`).join('')}    ),
    palette=[
${labels.map((_, label) => `        [${labelColour(label).join(', ')}],\n`).join('')}    ])

${datasets.join('\n')}`
}

function datasetText(split: string, ending: string): string {
  return `dict(
    type='BaseSegDataset',
    data_root=data_root,
    data_prefix=dict(img_path=${python(`img_dir/${split}`)}, seg_map_path=${python(`ann_dir/${split}`)}),
    img_suffix=${python(ending)},
    seg_map_suffix='.png',
    reduce_zero_label=False,  # 0 is the background, a class like the others
    ignore_index=255,  # void
    metainfo=metainfo,
    pipeline=[])`
}

/** A literal of Python: JSON's texts are valid there. */
const python = (text: string): string => JSON.stringify(text)
