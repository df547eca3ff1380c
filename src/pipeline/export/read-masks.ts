/** @file Reads the masks of a source one after another as formats take them, with certain classes and scores alone. Imports no torch. */
import { InputError } from '../../errors.ts'
import type { ExportCams, ExportImage } from '../../export/index.ts'
import { imageSize } from '../../io/image-size.ts'
import { type LabelMap, readLabelMap } from '../../io/indexed-png.ts'
import { IGNORE } from '../../io/label-values.ts'
import { readCams } from '../images/cam-file.ts'
import { scoresIn } from '../images/cam-scores.ts'
import { exists } from '../images/image-pass.ts'
import type { MaskSource, SourceMask } from './mask-source.ts'

export interface ReadMasksOptions {
  /** Classes (from 0) that are kept, in their new order; pixels of others become background. */
  readonly kept: readonly number[]
  /** Labels of a lower score become void; undefined keeps all. */
  readonly minScore: number | undefined
}

/** Throws InputError when the mask cannot be read, has another size than its image, or a label of no class. */
export async function readMask(
  source: SourceMask,
  { classes }: Pick<MaskSource, 'classes'>,
  { kept, minScore }: ReadMasksOptions,
): Promise<ExportImage> {
  const map = await readLabelMap(source.mask)
  await checkSize(source, map)
  const scores = await scoresOf(source, map, classes)
  const labels = new Uint8Array(256).fill(0)
  labels[IGNORE] = IGNORE
  const shown = new Map<number, number>()
  const sure: (readonly [from: number, to: number])[] = []
  for (const [i, k] of kept.entries()) {
    const score = scores?.get(k + 1)
    const unsure = minScore !== undefined && score !== undefined && score < minScore
    labels[k + 1] = unsure ? IGNORE : i + 1
    if (!unsure) sure.push([k, i])
    if (!unsure && score !== undefined) shown.set(i + 1, score)
  }
  const wrong = map.data.find(label => label > classes.length && label !== IGNORE)
  if (wrong !== undefined)
    throw new InputError(source.mask, `has the label ${wrong}, and there are ${classes.length} classes`, {
      expected: 'give the class names that belong to these masks: --labels FILE',
    })
  const { id, fileName, image, split, cams } = source
  return {
    id,
    fileName,
    split,
    image,
    width: map.width,
    height: map.height,
    data: map.data.map(label => labels[label]!),
    scores: scores === undefined ? undefined : shown,
    cams:
      cams === undefined || scores === undefined // there is no such file
        ? undefined
        : sizeOf => keptCams(cams, { kept: sure, sizeOf }),
  }
}

async function checkSize({ mask, image }: SourceMask, { width, height }: LabelMap): Promise<void> {
  if (image === undefined) return
  const size = await imageSize(image)
  if (size === undefined || (size.width === width && size.height === height)) return
  throw new InputError(mask, `has ${width} x ${height} pixels, its image ${size.width} x ${size.height}`, {
    expected: `masks of the images as they are now (${image})`,
  })
}

/** Of each label the mean of its CAM over its pixels; undefined without CAMs. A class without one has no score. Throws InputError. */
async function scoresOf(
  { cams: file }: SourceMask,
  { width, height, data }: LabelMap,
  classes: readonly string[],
): Promise<Map<number, number> | undefined> {
  if (file === undefined || !(await exists(file))) return undefined
  const cams = scoresIn(await readCams(file), file)
  const foreign = [...cams.maps.keys()].find(k => k >= classes.length)
  if (foreign !== undefined)
    throw new InputError(file, `has a map of class ${foreign}, and there are ${classes.length} classes`, {
      expected: 'give the CAMs and the class names (--labels) that belong to these masks',
    })
  if (cams.width !== width || cams.height !== height)
    throw new InputError(
      file,
      `has maps of ${cams.width} x ${cams.height} pixels, and the mask has ${width} x ${height}`,
      { expected: 'CAMs have the size of their images' },
    )
  const sums = new Float64Array(256)
  const pixels = new Float64Array(256)
  for (let i = 0; i < data.length; i++) {
    const label = data[i]!
    pixels[label]!++
    sums[label]! += cams.maps.get(label - 1)?.[i] ?? 0
  }
  const labels = [...cams.maps.keys()].map(k => k + 1).filter(label => pixels[label]! > 0)
  return new Map(labels.map(label => [label, sums[label]! / pixels[label]!]))
}

/** The CAMs of the classes that are kept, under their new numbers. */
async function keptCams(
  file: string,
  {
    kept,
    sizeOf = size => size,
  }: { kept: readonly (readonly [from: number, to: number])[]; sizeOf: Parameters<ReadExportCams>[0] },
): Promise<ExportCams> {
  const { width, height, maps } = await readCams(file, { sizeOf })
  return {
    width,
    height,
    maps: new Map(kept.flatMap(([k, i]) => (maps.has(k) ? [[i, maps.get(k)!] as const] : []))),
  }
}

type ReadExportCams = NonNullable<ExportImage['cams']>
