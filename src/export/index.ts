/** @file Masks as the files of other tools, the public way in. A format is a line here and a file of its name. */
import type { ExportFormat } from './export-format.ts'
import { png } from './png.ts'

export type { AsideText, ExportFiles, ExportFormat, ExportOptions } from './export-format.ts'
export type { ExportCams, ExportImage, ExportSize } from './export-image.ts'

export const FORMATS = { png } as const satisfies Record<string, ExportFormat>

export type FormatName = keyof typeof FORMATS
