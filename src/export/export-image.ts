/** @file An image and its mask, as formats get them. Imports nothing. */

/** A mask in the frame of its image as people see it (EXIF orientation applied). */
export interface ExportImage {
  /** Name for files about the image: sub-folders are part of it (`trip__beach`), no ending. */
  readonly id: string
  /** Path of the image below the folder of the images, with its ending: `trip/beach.jpg`. */
  readonly fileName: string
  /** Split of the data set that the image is in; undefined where there are none. */
  readonly split: string | undefined
  /** The image itself, absolute; undefined where only its mask is there. */
  readonly image: string | undefined
  readonly width: number
  readonly height: number
  /** Labels, height * width row by row: 0 background, k + 1 class k, 255 void. */
  readonly data: Uint8Array
  /** How certain each label of the mask is, 0 to 1: the mean of its CAM over its pixels; undefined where it is not known. */
  readonly scores: ReadonlyMap<number, number> | undefined
  /** The CAMs of the image, averaged down to the size that `sizeOf` returns; undefined where there are none. */
  readonly cams: ((sizeOf?: (own: ExportSize) => ExportSize) => Promise<ExportCams>) | undefined
  /** Its files are there already, and `data` is empty: it only counts. For formats that are `perImage`. */
  readonly made?: true
}

/** Pixels. */
export interface ExportSize {
  readonly width: number
  readonly height: number
}

/** Scores of classes (from 0), each height * width. */
export interface ExportCams extends ExportSize {
  readonly maps: ReadonlyMap<number, Float32Array>
}
