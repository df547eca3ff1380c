/** @file What a data set is to everything above: pictures with tags, and perhaps masks. Imports nothing. */

/** `id` is safe as a file name; `tags` are foreground classes from 0 (class k is label k + 1 in masks). */
export interface Picture {
  readonly id: string
  readonly image: string
  readonly tags: readonly number[]
  readonly mask: string | undefined
  /** Label of each number in the mask file, where they differ. */
  readonly maskLabels?: Uint8Array
}

/** `warnings` are sentences for a person: pictures without a row, without tags, without a mask; `notes` say how it was read. */
export interface Dataset {
  readonly name: string
  readonly root: string
  readonly split: string
  readonly classes: readonly string[]
  readonly pictures: readonly Picture[]
  readonly warnings: readonly string[]
  readonly notes?: readonly string[]
}
