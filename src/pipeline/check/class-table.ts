/** @file Classes of a data set in numbers: images of each in every split, alone, and together with others. */
import { classCounts } from '../../data/class-names.ts'
import { type Dataset, type Sample, tagged } from '../../data/dataset.ts'
import { sample as some } from '../../data/listing.ts'
import { count } from '../../io/count.ts'
import { shortName } from '../../io/printable.ts'
import { textTable } from '../../io/text-table.ts'
import type { ProblemList } from './problem-list.ts'

export interface ClassRow {
  readonly name: string
  /** Images of each split. */
  readonly images: Readonly<Record<string, number>>
  /** Images, of all splits, with no other tag. */
  readonly alone: number
  /** Images, of all splits, that it shares with other classes, by name. */
  readonly with: Readonly<Record<string, number>>
}

export interface ClassTable {
  readonly classes: readonly ClassRow[]
  /** Images without tags, of each split. */
  readonly untagged: Readonly<Record<string, number>>
}

export function countClasses(splits: readonly Dataset[]): ClassTable {
  const names = splits[0]?.classes ?? []
  const counts = splits.map(dataset => ({ split: dataset.split, counts: classCounts(dataset) }))
  const samples = [...new Map(splits.flatMap(({ samples }) => samples.map(one => [one.image, one]))).values()]
  const together = coOccurrence(samples, names.length)
  const alone = new Uint32Array(names.length)
  for (const { tags } of samples) if (tags.length === 1) alone[tags[0]!]!++
  return {
    classes: names.map((name, k) => ({
      name,
      images: Object.fromEntries(counts.map(({ split, counts }) => [split, counts[k]!])),
      alone: alone[k]!,
      with: Object.fromEntries(
        [...together[k]!].sort(([, a], [, b]) => b - a).map(([other, images]) => [names[other]!, images]),
      ),
    })),
    untagged: Object.fromEntries(
      splits.map(dataset => [dataset.split, dataset.samples.length - tagged(dataset).length]),
    ),
  }
}

/** Images that class k shares with each other class. */
function coOccurrence(samples: readonly Sample[], classes: number): Map<number, number>[] {
  const together = Array.from({ length: classes }, () => new Map<number, number>())
  for (const { tags } of samples)
    for (const k of tags)
      for (const other of tags) if (other !== k) together[k]!.set(other, (together[k]!.get(other) ?? 0) + 1)
  return together
}

const FEW = 5 // images; from so many on a class that is never without another is a pattern

/** Classes that little or nothing can be learned of. */
export function nameWeakClasses(root: string, splits: readonly Dataset[], problems: ProblemList): void {
  const [first] = splits
  if (first === undefined) return
  const rows = countClasses([first]).classes
  const empty = rows.filter(({ images }) => images[first.split] === 0).map(({ name }) => name)
  const expected = 'tag more images with it, or leave it out'
  if (empty.length > 0)
    problems.add('small-class', {
      file: root,
      problem: `${count(empty.length, 'class', 'has')} no image in ${first.split}: ${some(empty, 8)}`,
      expected,
    })
  for (const { name, images, alone, with: others } of rows) {
    const n = images[first.split]!
    if (n > 0 && n < FEW)
      problems.add('small-class', {
        file: root,
        problem: `"${name}" has only ${count(n, 'image')} in ${first.split}`,
        expected,
      })
    const [other, shared] = Object.entries(others)[0] ?? []
    if (n >= FEW && alone === 0 && shared === n)
      problems.add('inseparable', {
        file: root,
        problem: `all ${n} images of "${name}" in ${first.split} show "${other}", too`,
        expected: 'tags alone do not tell them apart: add images of it without the other',
      })
  }
}

const SHOWN_WITH = 3
const SHOWN_CLASSES = 30

/** Lines for a terminal, the most frequent classes first; `all`: every one. */
export function classText({ classes, untagged }: ClassTable, { all }: { all: boolean }): string {
  const splits = Object.keys(untagged)
  const sum = ({ images }: ClassRow): number => Object.values(images).reduce((a, b) => a + b, 0)
  const ordered = classes.filter(row => sum(row) > 0).sort((a, b) => sum(b) - sum(a))
  const empty = classes.length - ordered.length
  const shown = all ? ordered : ordered.slice(0, SHOWN_CLASSES)
  const number = (n: number): string => n.toLocaleString('en-US')
  const rows = shown.map(row => [
    shortName(row.name),
    ...splits.map(split => number(row.images[split]!)),
    number(row.alone),
    Object.entries(row.with)
      .slice(0, SHOWN_WITH)
      .map(([name, n]) => `${shortName(name)} ${number(n)}`)
      .join(', '),
  ])
  const none = Object.values(untagged).some(n => n > 0)
    ? [['(no tag)', ...splits.map(split => number(untagged[split]!)), '', '']]
    : []
  const columns = [
    { title: 'class' },
    ...splits.map(title => ({ title, align: 'right' as const })),
    { title: 'alone', align: 'right' as const },
    { title: 'most often with' },
  ]
  const more = ordered.length - shown.length
  return [
    textTable(columns, [...rows, ...none]),
    ...(more > 0 ? [`and ${count(more, 'class')} more (--all)`] : []),
    ...(empty > 0 ? [`and ${count(empty, 'class')} without images`] : []),
  ].join('\n')
}
