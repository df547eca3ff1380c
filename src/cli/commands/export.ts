/** @file `tagmask export`: masks as the files of other tools. */
import { resolve } from 'node:path'
import { buildCommand, type Command, numberParser } from '@stricli/core'
import { InputError } from '../../errors.ts'
import { type ExportFormat, FORMATS, type FormatName } from '../../export/index.ts'
import { exportMasks } from '../../pipeline/export/export-masks.ts'
import type { CliContext } from '../context.ts'
import { proposeRuns } from '../proposals.ts'
import {
  type OutputFlags,
  outputFlags,
  type RunFlags,
  runsFlag,
  type ShardFlags,
  shardFlag,
} from '../run-flags.ts'

interface ExportFlags extends OutputFlags, ShardFlags, Pick<RunFlags, 'runs'> {
  readonly format?: FormatName
  readonly out?: string
  readonly classes?: string
  readonly 'min-score'?: number
  readonly polygons?: boolean
  readonly tolerance?: number
  readonly colour?: boolean
  readonly 'copy-images'?: boolean
  readonly 'image-address'?: string
  readonly irn?: boolean
  readonly data?: string
  readonly images?: string
  readonly labels?: string
  readonly maps?: string
  readonly strict?: boolean
  readonly force?: boolean
}

const text = { kind: 'parsed', parse: (value: string) => value, optional: true } as const
const number = { kind: 'parsed', parse: numberParser, optional: true, placeholder: 'N' } as const
const onOff = { kind: 'boolean', optional: true, withNegated: false } as const

const names = Object.keys(FORMATS) as FormatName[]
const formats: readonly [string, ExportFormat][] = Object.entries(FORMATS)
const width = Math.max(...names.map(name => name.length)) + 2

export const exportCommand: Command<CliContext> = buildCommand<ExportFlags, [string], CliContext>({
  docs: {
    brief: 'Masks as the files of other tools: CVAT, Label Studio, COCO, YOLO, ...',
    customUsage: ['RUN|MASKS --format FORMAT --out PLACE [flags]'],
    fullDescription: `Of a run: the mask of every image as in its result/, with what you corrected there. Or of a folder of label PNGs, as predict
and refine write them (class names from its labels.json, or --labels; images from its record, or --images).
PLACE is a new or empty folder; for a format of one file it may be that file, which is never written over. It is there
whole or not at all; --force replaces a folder that an export made and of which nothing was changed.

Formats:
${formats.map(([name, { brief }]) => `  ${name.padEnd(width)}${brief}`).join('\n')}

A score is how certain a class is in an image: the mean of its CAM over the pixels of its mask, from 0 to 1.

Examples:
  tagmask export photos_cpu --format png --out masks
  tagmask export runs/photos_cpu --format png --out boats --classes boat --min-score 0.4
  tagmask export photos_cpu --format cvat --out cvat.zip
  tagmask export photos_cpu --format labelme --out polygons --shard 2/8     (an eighth: docs/shards.md)
  tagmask export new-masks --format coco --out masks.json --images new-photos`,
  },
  parameters: {
    flags: {
      format: { kind: 'enum', values: names, optional: true, brief: 'Format of the files' },
      out: { ...text, placeholder: 'PLACE', brief: 'New folder, or file of a format of one file' },
      classes: { ...text, placeholder: 'NAME,...', brief: 'Only these classes; others become background' },
      'min-score': { ...number, brief: 'Less certain classes of an image become void (255)' },
      polygons: { ...onOff, brief: 'Polygons instead of run lengths (coco)' },
      tolerance: { ...number, brief: 'Most pixels between an outline and its polygon; default 0.5' },
      colour: { ...onOff, brief: 'Colours instead of label indices (png)' },
      'copy-images': { ...onOff, brief: 'Also copy the images, where the format has a place for them' },
      'image-address': {
        ...text,
        placeholder: 'URL',
        brief: 'What stands before the path of an image in its address (label-studio)',
      },
      irn: { ...onOff, brief: "Dictionaries of IRN's form, not PSA's (npy)" },
      data: { ...text, placeholder: 'DIR', brief: 'Of a run: its data set, where it has moved' },
      images: { ...text, placeholder: 'DIR', brief: 'Of a folder of masks: the images' },
      labels: { ...text, placeholder: 'FILE', brief: 'Of a folder of masks: class names, one a line' },
      maps: { ...text, placeholder: 'DIR', brief: 'Of a folder of masks: CAMs (ID.safetensors or ID.npy)' },
      strict: { ...onOff, brief: 'Fail at the first bad mask instead of skipping it' },
      force: { ...onOff, brief: 'Replace an earlier export of which nothing was changed' },
      ...shardFlag,
      ...runsFlag,
      ...outputFlags,
    },
    positional: {
      kind: 'tuple',
      parameters: [
        {
          parse: value => value,
          placeholder: 'RUN|MASKS',
          brief: 'Name or folder of a run, or a folder of label PNGs',
          proposeCompletions: proposeRuns,
        },
      ],
    },
  },
  async func(flags, target) {
    const { format, out, classes, runs, data, images, labels, maps } = flags
    if (format === undefined)
      throw new InputError('--format', 'is not given', { expected: `one of ${names.join(', ')}` })
    if (out === undefined)
      throw new InputError('--out', 'is not given', { expected: 'say where the files go: --out PLACE' })
    await exportMasks({
      target,
      format,
      out: resolve(out),
      runs,
      data: data === undefined ? undefined : resolve(data),
      images,
      labels,
      maps,
      classes: classes?.split(','),
      minScore: flags['min-score'],
      ...(flags.polygons && { polygons: true }),
      ...(flags.tolerance !== undefined && { tolerance: flags.tolerance }),
      ...(flags.colour && { colour: true }),
      ...(flags['copy-images'] && { copyImages: true }),
      imageAddress: flags['image-address'],
      ...(flags.irn && { irn: true }),
      force: flags.force ?? false,
      shard: flags.shard,
      strict: flags.strict ?? false,
      signal: this.signal,
      log: this.openLog(flags),
    })
  },
})
