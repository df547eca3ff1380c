/** @file Warnings about the classes of a data set: names that are probably slips (bird and brid), too few images. */
import { count } from '../io/count.ts'
import { editDistance } from '../nearest-name.ts'
import { sample } from './listing.ts'
import type { Dataset } from './sample.ts'
import { foldWord } from './tag-words.ts'

/** Counts of images by class to one warning about names that differ in a letter; none when there are none. */
export function twinNames(counts: ReadonlyMap<string, number>): string[] {
  const images = (name: string): string => `${name} (${counts.get(name)})`
  const pairs = twinPairs(counts).map(({ names: [a, b] }) => `${images(a)} and ${images(b)}`)
  return pairs.length === 0
    ? []
    : [`classes with nearly the same name, images of each; is one a slip?: ${sample(pairs, 5)}`]
}

/** Names that differ in a letter; `rarer` is probably a slip for `other`. */
export function twinPairs(
  counts: ReadonlyMap<string, number>,
): { names: readonly [string, string]; rarer: string; other: string }[] {
  const names = [...counts.keys()]
  return names.flatMap((a, i) =>
    names
      .slice(i + 1)
      .filter(b => areTwins(foldWord(a), foldWord(b)))
      .map(b => {
        const [rarer, other] = counts.get(a)! < counts.get(b)! ? [a, b] : [b, a]
        return { names: [a, b] as const, rarer, other }
      }),
  )
}

/** One warning about names that may be several tags, or numbers; none when there are none. */
export function oddNames(names: readonly string[]): string[] {
  const known = new Set(names.map(foldWord))
  const several = names.filter(name => {
    const parts = foldWord(name).split(/\s*[,;&+/]\s*|\s+(?:and|und|et)\s+/)
    const words = foldWord(name).split(' ')
    return (
      (parts.length > 1 && parts.some(part => known.has(part))) ||
      (words.length > 1 && words.every(word => known.has(word)))
    )
  })
  const isNumeric = names.length > 0 && names.every(name => /^\d+$/.test(name))
  return [
    ...(several.length === 0
      ? []
      : [
          `classes that may be several tags, which are to be separated by ";": ${sample(
            several.map(name => `"${name}"`),
            5,
          )}`,
        ]),
    ...(isNumeric ? [`the classes are numbers, each of them a class: ${sample(names, 5)}`] : []),
  ]
}

const FEW = 5

/** Images of each class. */
export function classCounts({ classes, samples }: Pick<Dataset, 'classes' | 'samples'>): Uint32Array {
  const counts = new Uint32Array(classes.length)
  for (const { tags } of samples) for (const tag of tags) counts[tag]!++
  return counts
}

/** One warning about classes of too few images; none when there are none. */
export function smallClasses({ classes, samples }: Dataset): string[] {
  const counts = classCounts({ classes, samples })
  const small = classes.flatMap((name, k) => (counts[k]! < FEW ? [`${name} (${counts[k]})`] : []))
  return small.length === 0
    ? []
    : [`${count(small.length, 'class', 'has')} fewer than five images: ${sample(small, 8)}`]
}

function areTwins(a: string, b: string): boolean {
  const [plainA, plainB] = [a, b].map(name => name.replace(/[\s_.-]+/g, ''))
  if (plainA === plainB) return true
  if (withoutDigits(a) === withoutDigits(b)) return false // class1 and class2
  const shorter = Math.min(plainA!.length, plainB!.length)
  if (Math.abs(plainA!.length - plainB!.length) > 2) return false
  const isPlural = [plainA, plainB].sort((x, y) => x!.length - y!.length)
  if (shorter >= 3 && [`${isPlural[0]}s`, `${isPlural[0]}es`].includes(isPlural[1]!)) return true
  return shorter >= 4 && editDistance(plainA!, plainB!) <= (shorter >= 8 ? 2 : 1)
}

function withoutDigits(name: string): string {
  return name.replace(/\d+/g, '')
}
