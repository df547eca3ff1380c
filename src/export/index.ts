/** @file Masks as the files of other tools, the public way in. A format is a line here and a file of its name. */
import { coco } from './coco.ts'
import { cocoPanoptic } from './coco-panoptic.ts'
import { cvat } from './cvat.ts'
import type { ExportFormat } from './export-format.ts'
import { geojson } from './geojson.ts'
import { labelStudio } from './label-studio.ts'
import { labelme } from './labelme.ts'
import { mmseg } from './mmseg.ts'
import { npy } from './npy.ts'
import { png } from './png.ts'
import { yolo } from './yolo.ts'

export type {
  AsideText,
  ExportFiles,
  ExportFormat,
  ExportOptions,
  FormatOption,
} from './export-format.ts'
export type { ExportCams, ExportImage, ExportSize } from './export-image.ts'

export const FORMATS = {
  png,
  coco,
  'coco-panoptic': cocoPanoptic,
  cvat,
  'label-studio': labelStudio,
  labelme,
  yolo,
  mmseg,
  geojson,
  npy,
} as const satisfies Record<string, ExportFormat>

export type FormatName = keyof typeof FORMATS
