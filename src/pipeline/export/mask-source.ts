/** @file The masks that are exported, before any is read: those of a run, or of a folder. Imports no torch. */
import { dirname, relative, sep } from 'node:path'

/** One mask and its image. */
export interface SourceMask {
  readonly id: string
  /** File of label indices. */
  readonly mask: string
  /** The image, absolute; undefined where it is not known. */
  readonly image: string | undefined
  /** Path of the image below the folder of the images. */
  readonly fileName: string
  /** Split of the data set; undefined where there are none. */
  readonly split?: string
  /** File of the image's CAMs, which need not exist. */
  readonly cams: string | undefined
}

export interface MaskSource {
  readonly name: string
  /** Foreground classes; class k is label k + 1. */
  readonly classes: readonly string[]
  readonly masks: readonly SourceMask[]
  /** Of a run: its data set. */
  readonly data?: string | undefined
  /** Folders in which nothing may be written. */
  readonly places: readonly { readonly path: string; readonly what: string }[]
}

/** The paths of images below the deepest folder that holds them all, forward slashes. */
export function fileNames(images: readonly string[]): string[] {
  const [first] = images
  if (first === undefined) return []
  let common = dirname(first)
  while (!images.every(image => image.startsWith(common.endsWith(sep) ? common : common + sep)))
    common = dirname(common)
  return images.map(image => relative(common, image).split(sep).join('/'))
}
