/** @file Compares the masks with the tags of their images. Imports no torch. */
import { sample } from '../../../data/listing.ts'
import type { Sample } from '../../../data/sample.ts'
import { count } from '../../../io/count.ts'
import { IGNORE } from '../../../io/label-values.ts'
import type { Log } from '../../../train/log.ts'

export interface MaskTags {
  /** Pixels that are not ignored, and those of them that are of a class. */
  readonly pixels: number
  readonly foreground: number
  add(sample: Pick<Sample, 'id' | 'tags'>, labels: Uint8Array): void
  /** Warns of classes that are tagged and in no mask, and of classes in masks whose images are not tagged with them. */
  tell(log: Log, split: string): void
}

export function compareMaskTags(classes: readonly string[]): MaskTags {
  const tagged = new Uint32Array(classes.length)
  const held = new Uint32Array(classes.length)
  const untagged = classes.map((): string[] => [])
  let [pixels, foreground] = [0, 0]
  return {
    get pixels() {
      return pixels
    },
    get foreground() {
      return foreground
    },
    add({ id, tags }, labels) {
      const counts = new Float64Array(IGNORE + 1)
      for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++
      const scored = labels.length - counts[IGNORE]!
      pixels += scored
      foreground += scored - counts[0]!
      for (const [k] of classes.entries()) {
        const has = counts[k + 1]! > 0
        if (has) held[k]!++
        if (tags.includes(k)) tagged[k]!++
        else if (has) untagged[k]!.push(id)
      }
    },
    tell(log, split) {
      const absent = classes.flatMap((name, k) =>
        tagged[k]! > 0 && held[k] === 0 ? [`"${name}" (${count(tagged[k]!, 'image')})`] : [],
      )
      if (absent.length > 0)
        log.warn(
          `no mask of ${split} holds a pixel of ${sample(absent)}, although images with masks have that tag: are the masks numbered differently?`,
        )
      const others = classes.flatMap((name, k) => {
        const ids = untagged[k]!
        return ids.length === 0 ? [] : [`"${name}" (${count(ids.length, 'image')}, as ${ids[0]})`]
      })
      if (others.length > 0)
        log.warn(`masks of ${split} hold classes that their images are not tagged with: ${sample(others)}`)
    },
  }
}
