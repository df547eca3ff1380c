/** @file The report, the public way in. */
export { addressOf, photoAddress } from './address.ts'
export { type FolderPage, folderPageFiles, writeFolderPage } from './folder-page.ts'
export type {
  Gallery,
  GalleryImage,
  GalleryMasks,
  GalleryThreshold,
} from './gallery.ts'
export { type LivePage, type LiveStage, renderLivePage } from './live-page.ts'
export { drawColumn, drawMask } from './overlay.ts'
export { type WrittenReport, writeReport } from './report.ts'
export type {
  CamColumn,
  Column,
  Example,
  Fact,
  FactGroup,
  ReportData,
  ResultLink,
  Training,
} from './report-data.ts'
export type { Point, TokenPlots } from './token-plots-section.ts'
