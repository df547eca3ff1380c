/** @file Classes that a run did not learn, and what to do about each. Part of the report; knows no page. */
import type { ScoreRecord } from '../../evaluate/index.ts'
import { count } from '../../io/count.ts'
import type { PageImage } from './browser/page-data.ts'

/** A class without success: what is wrong, as in "IoU 12.3", and what to do, a sentence that several may share. */
export interface WeakClass {
  readonly name: string
  readonly problem: string
  readonly remedy: string
}

const LOW_IOU = 30 // percent
const LOW_SHARE = 0.5 // of the mean over the classes
const WHOLE = 90 // percent of an image

/**
 * With scores those whose IoU in the last one is below 30 or half of the mean over the classes; without, those whose masks
 * are empty, or cover nearly the whole image, in most of the images tagged with them.
 */
export function findWeakClasses(
  classes: readonly string[],
  { scores, images }: { scores: readonly ScoreRecord[]; images: readonly PageImage[] },
): WeakClass[] {
  const score = scores.at(-1)
  return score === undefined ? weakByMasks(classes, images) : weakByScore(score)
}

function weakByScore({ classes, metric, split }: ScoreRecord): WeakClass[] {
  const known = classes.slice(1).filter(({ absent }) => !absent)
  const mean = known.reduce((sum, { iou }) => sum + iou, 0) / Math.max(1, known.length)
  return known.flatMap(({ name, iou, fp, fn }) => {
    if (iou >= LOW_IOU && iou >= LOW_SHARE * mean) return []
    const remedy =
      fp > fn
        ? 'Painted where it is not: add images with the same surroundings and without it, and check that every image that shows it has its tag.'
        : 'Mostly missed: add images of it, large and in varied surroundings, and check its tags.'
    return [{ name, problem: `${metric} on ${split}: IoU ${iou.toFixed(1)}`, remedy }]
  })
}

function weakByMasks(classes: readonly string[], images: readonly PageImage[]): WeakClass[] {
  return classes.flatMap((name, k) => {
    const shares = images
      .filter(({ classes: tags, shares }) => shares !== undefined && tags.includes(k))
      .map(({ shares = [] }) => shares.find(([of]) => of === k)?.[1] ?? 0)
    const empty = shares.filter(share => share === 0).length
    const whole = shares.filter(share => share > WHOLE).length
    const of = `of its ${count(shares.length, 'image')}`
    if (2 * empty > shares.length) {
      const remedy =
        'Not found: add images that show it clearly, and check that the images tagged with it do show it.'
      return [{ name, problem: `mask empty in ${empty} ${of}`, remedy }]
    }
    if (2 * whole > shares.length) {
      const remedy =
        'Not told from its surroundings: add images of the same surroundings without it, and images in which it is small.'
      return [{ name, problem: `mask covers nearly all of ${whole} ${of}`, remedy }]
    }
    return []
  })
}
