/** @file Images that are there twice: in two splits, or the same file under two names. */
import type { Dataset } from '../../data/dataset.ts'
import type { SeenImage } from './look-at-image.ts'
import type { ProblemList } from './problem-list.ts'

interface Place {
  readonly split: string
  readonly image: string
  readonly tags: string
}

/** Names images of a scored split that are trained on, too, and further copies within a split. */
export function nameTwins(
  splits: readonly Dataset[],
  { seen, problems }: { seen: ReadonlyMap<string, SeenImage | undefined>; problems: ProblemList },
): void {
  const groups = new Map<string, Place[]>()
  for (const { split, samples } of splits)
    for (const { image, tags } of samples) {
      const content = seen.get(image)?.content ?? image
      groups.set(content, [...(groups.get(content) ?? []), { split, image, tags: tags.join() }])
    }
  for (const group of groups.values()) if (group.length > 1) nameGroup(group, problems)
}

function nameGroup(group: readonly Place[], problems: ProblemList): void {
  const named = new Set<string>()
  for (const { split, image } of group) {
    const trained = group.find(other => isScoredBeside(other.split, split))
    if (trained === undefined || named.has(image)) continue
    named.add(image)
    problems.add('in-two-splits', {
      file: image,
      problem:
        trained.image === image
          ? `is in ${trained.split} and in ${split}`
          : `of ${split} is the same file as ${trained.image} of ${trained.split}`,
      expected: `scores of ${split} are too good: take it out of one of them`,
    })
  }
  const [first, ...others] = new Map(group.map(place => [place.image, place])).values()
  for (const { image, tags } of others) {
    if (named.has(image) || named.has(first!.image)) continue
    problems.add('duplicate', {
      file: image,
      problem: `is the same file as ${first!.image}${tags === first!.tags ? '' : ', with other tags'}`,
      expected: 'keep one of them',
    })
  }
}

const ROLE = /^(train(?:ing|_?aug)?|val|valid|validation|dev|test|testing)(\d{4})?$/

/** Whether the second split is scored by what is trained on the first. Years of COCO are data sets of their own; trainval is a union. */
function isScoredBeside(trained: string, scored: string): boolean {
  const [[, role = '', year] = [], [, other = '', otherYear] = []] = [trained, scored].map(
    name => ROLE.exec(name) ?? [],
  )
  return role.startsWith('train') && other !== '' && !other.startsWith('train') && year === otherYear
}
