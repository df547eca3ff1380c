/** @file The kinds of problem that a check of a data set finds: how bad each is, and its words. */
import type { DoubtKind, FaultKind } from '../../data/problems.ts'

/** Errors: a file or an entry that cannot be used as it is. Warnings: left out or doubtful. Notes: read all the same. */
export const SEVERITIES = ['error', 'warning', 'note'] as const
export type Severity = (typeof SEVERITIES)[number]

/** What is seen in the files themselves, and in the data set as a whole. */
export type FileKind =
  | 'unopened'
  | 'unreadable-image'
  | 'unreadable-mask'
  | 'mask-size'
  | 'mask-labels'
  | 'in-two-splits'
  | 'duplicate'
  | 'small-image'
  | 'mask-tags'
  | 'small-class'
  | 'inseparable'
  | 'remark'
  | 'grey'
  | 'cmyk'
  | 'deep'
  | 'turned'
  | 'transparent'
  | 'paged'

export type ProblemKind = FaultKind | DoubtKind | FileKind

interface KindWords {
  readonly severity: Severity
  /** A heading, before the number of cases. */
  readonly title: string
}

/** In the order of the report. */
export const KINDS: Readonly<Record<ProblemKind, KindWords>> = {
  unopened: { severity: 'error', title: 'the data set cannot be opened' },
  'unreadable-image': { severity: 'error', title: 'images that cannot be read' },
  'absent-image': { severity: 'error', title: 'images that are named and not there' },
  'unclear-name': { severity: 'error', title: 'names that may mean several images, or none of the data set' },
  'same-name': { severity: 'error', title: 'images of one name' },
  'bad-row': { severity: 'error', title: 'rows that cannot be used' },
  'bad-annotation': { severity: 'error', title: 'annotations that cannot be used' },
  'unknown-class': { severity: 'error', title: 'tags that are no class' },
  'in-two-splits': { severity: 'error', title: 'images that are trained on and scored, too' },
  'unreadable-mask': { severity: 'error', title: 'masks that cannot be read' },
  'mask-size': { severity: 'error', title: 'masks of another size than their images' },
  'mask-labels': { severity: 'error', title: 'masks with labels of no class' },
  'two-masks': { severity: 'error', title: 'second masks of one image' },
  slip: { severity: 'warning', title: 'tags and splits that may be misspelt' },
  'unread-format': { severity: 'warning', title: 'images in formats that are not read' },
  'lost-annotation': { severity: 'warning', title: 'annotations that are left out, or show nothing' },
  'left-out-file': { severity: 'warning', title: 'files that are left out' },
  'small-image': { severity: 'warning', title: 'images smaller than a patch' },
  'unread-keywords': { severity: 'warning', title: 'images with keywords that cannot be read' },
  untagged: { severity: 'warning', title: 'images without tags' },
  'no-split': { severity: 'warning', title: 'images in no split' },
  duplicate: { severity: 'warning', title: 'images that are there twice' },
  'mask-tags': { severity: 'warning', title: 'masks that disagree with the tags' },
  'no-mask': { severity: 'warning', title: 'images without a mask among others with one' },
  'absent-mask': { severity: 'warning', title: 'masks that are named and not there' },
  'stray-mask': { severity: 'warning', title: 'masks of no image' },
  'unread-mask': { severity: 'warning', title: 'masks in formats that are not read' },
  'small-class': { severity: 'warning', title: 'classes of few images' },
  inseparable: { severity: 'warning', title: 'classes that are never without another' },
  remark: { severity: 'warning', title: 'how the data set is read' },
  turned: { severity: 'note', title: 'photos turned upright by their EXIF data' },
  grey: { severity: 'note', title: 'grey images, read as RGB' },
  cmyk: { severity: 'note', title: 'CMYK images, converted to RGB' },
  deep: { severity: 'note', title: 'images of 16 bits, cut to 8' },
  transparent: { severity: 'note', title: 'images with transparency, which is dropped' },
  paged: { severity: 'note', title: 'images of several pages or frames, of which the first is read' },
}
