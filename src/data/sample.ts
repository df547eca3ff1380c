/** @file A data set: images with tags, and perhaps masks. Imports types only. */
import type { DrawnMask } from './coco-mask.ts'

/** `id` is safe as a file name; `tags` are foreground classes from 0 (class k is label k + 1 in masks). */
export interface Sample {
  readonly id: string
  readonly image: string
  readonly tags: readonly number[]
  readonly mask: string | undefined
  /** The mask is drawn from these regions of `mask`, a COCO JSON. */
  readonly drawn?: DrawnMask
  /** Meaning of the mask's numbers when they are not the labels. */
  readonly maskReading?: MaskReading
  /** The mask needs the image's EXIF rotation. */
  readonly maskRotated?: boolean
}

/** The meaning of the numbers or colours of all masks of a data set. */
export interface MaskReading {
  readonly by: 'number' | 'colour'
  /** Labels of a number, or of a colour as 0xRRGGBB; of several, the one tagged to the image counts. */
  readonly labels: ReadonlyMap<number, readonly number[]>
  /** For messages, as in "the numbers are category ids". */
  readonly rule: string
}

/** `warnings`: images without a row, without tags, without a mask; `notes`: how it was read. Both are sentences. */
export interface Dataset {
  readonly name: string
  readonly root: string
  readonly split: string
  readonly classes: readonly string[]
  readonly samples: readonly Sample[]
  readonly warnings: readonly string[]
  readonly notes?: readonly string[]
}
