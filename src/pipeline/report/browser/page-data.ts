/** @file What a page of images knows of them: written by the report, read by its script. Types alone. */

/** The content of the page's block of data. */
export interface PageData {
  readonly classes: readonly PageClass[]
  /** Names of the sets of images, as "train". */
  readonly sets: readonly string[]
  readonly views: readonly PageView[]
  /** Index of the view that is shown first. */
  readonly firstView: number
  readonly images: readonly PageImage[]
  /** Whether `classes` of an image are its tags, and not the classes of its mask. */
  readonly tagged: boolean
  /** For pages with score maps. */
  readonly threshold?: PageThreshold
}

export interface PageClass {
  readonly name: string
  /** As CSS writes it. */
  readonly colour: string
}

/** What is laid over the photos; `seed` and `scores` are one file, seen through two filters. */
export interface PageView {
  readonly kind: 'photo' | 'seed' | 'scores' | 'mask' | 'mistakes'
  readonly title: string
  /** Folder of NUMBER.ending. */
  readonly folder: string
  readonly ending: 'webp' | 'png'
  /** For masks that are also there in full size: what is before ID.png. For each set; null for one without. */
  readonly whole?: readonly (string | null)[]
}

export interface PageImage {
  /** Of its files: the name without ending. */
  readonly number: number
  readonly name: string
  /** The name as a part of an address; absent where it has none. */
  readonly file?: string
  /** Index of its set. */
  readonly set: number
  /** Classes from 0. */
  readonly classes: readonly number[]
  /** Pixels of the photo. */
  readonly width: number
  readonly height: number
  /** Indices of the views that it has. */
  readonly views: readonly number[]
  /** Address of the photo itself. */
  readonly photo?: string
  /** Percent. */
  readonly miou?: number
  /** Share of the pixels near the threshold, 0 to 1. */
  readonly unsure?: number
  /** Percent of its pixels that its mask gives to each class: class and share. */
  readonly shares?: readonly (readonly [number, number])[]
}

export interface PageThreshold {
  /** Of the run's masks. */
  readonly value: number
  /** Thresholds and mIoU in percent; empty without ground truth. */
  readonly curve: readonly (readonly [number, number])[]
}
