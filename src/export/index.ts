/** @file Masks as the files of other tools, the public way in. A format is a line here and a file of its name. */
import type { ExportFormat } from './export-format.ts'
import { geojson } from './geojson.ts'
import { labelme } from './labelme.ts'
import { png } from './png.ts'
import { yolo } from './yolo.ts'

export type { ExportFiles, ExportFormat, ExportOptions } from './export-format.ts'
export type { ExportCams, ExportImage } from './export-image.ts'

export const FORMATS = { png, labelme, yolo, geojson } as const satisfies Record<string, ExportFormat>

export type FormatName = keyof typeof FORMATS
