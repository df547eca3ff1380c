/** @file The report, the public way in. */
export { drawColumn, drawMask } from './overlay.ts'
export { type WrittenReport, writeReport } from './report.ts'
export type { CamColumn, Column, Example, Fact, FactGroup, ReportData, Training } from './report-data.ts'
export type { Point, TokenPlots } from './token-plots-section.ts'
