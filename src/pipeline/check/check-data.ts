/** @file The check of a data set: every split is opened, every image and mask read to its end once, and all problems are kept. Imports no torch. */
import { availableParallelism } from 'node:os'
import type { Dataset, Layout, OpenDatasetOptions, Sample } from '../../data/dataset.ts'
import { sample } from '../../data/listing.ts'
import { memoryBudget, USUAL_MEMORY } from '../../io/available-memory.ts'
import { count } from '../../io/count.ts'
import { type Log, silentLog } from '../../train/log.ts'
import { inParallel } from '../images/in-parallel.ts'
import { memoryGate } from '../images/memory-gate.ts'
import { Interrupted } from '../run/stage.ts'
import { type ClassTable, countClasses, nameWeakClasses } from './class-table.ts'
import { lookAtImage, type SeenImage } from './look-at-image.ts'
import { lookAtMask } from './look-at-mask.ts'
import { openSplits } from './open-splits.ts'
import { createProblemList, type Problem } from './problem-list.ts'
import { nameTwins } from './twins.ts'

export interface CheckDataOptions extends Pick<OpenDatasetOptions, 'tags' | 'crowds'> {
  readonly layout?: 'auto' | Layout | undefined
  /** All when not given. */
  readonly splits?: readonly string[] | undefined
  /** Class names in order, as in openDataset. */
  readonly classes?: readonly string[] | undefined
  /** Side of a patch of the network, pixels. */
  readonly patchSize?: number | undefined
  readonly log?: Log
  readonly signal?: AbortSignal
}

/** What a run would make of a split. */
export interface CheckedSplit {
  readonly split: string
  readonly images: number
  /** Left out: cannot be read; smaller than a patch; of the others, without a tag. */
  readonly unreadable: number
  readonly small: number
  readonly untagged: number
  /** The rest, which is trained on where the split is. */
  readonly usable: number
  readonly masks: number
  /** Masks that fit an image and hold labels of classes alone. */
  readonly scored: number
  /** How the numbers or colours of masks are read; null without masks. */
  readonly maskReading: string | null
}

export interface DataCheck {
  readonly root: string
  /** Null where it is not recognised. */
  readonly layout: Layout | null
  /** Images and masks that were read, each once. */
  readonly images: number
  readonly masks: number
  readonly errors: number
  readonly warnings: number
  readonly problems: readonly Problem[]
  readonly table: ClassTable
  readonly splits: readonly CheckedSplit[]
  /** How lists and tables are read, in sentences. */
  readonly notes: readonly string[]
}

const PATCH = 16 // of all published vision transformers here

/** Changes nothing. Throws InputError only where there is no folder; Interrupted when `signal` is aborted. */
export async function checkData(
  given: string,
  {
    layout: asked = 'auto',
    splits: named,
    classes,
    patchSize = PATCH,
    log = silentLog(),
    signal,
    ...sources
  }: CheckDataOptions = {},
): Promise<DataCheck> {
  const problems = createProblemList()
  const { root, layout, splits, loose } = await openSplits(
    given,
    { ...sources, layout: asked, splits: named, classes },
    problems,
  )
  for (const { warnings } of splits)
    for (const sentence of warnings) problems.add('remark', { file: root, problem: sentence })
  const samples = [...splits.flatMap(({ samples }) => samples), ...loose]
  const { seen, scorable } = await lookAtAll(samples, {
    classes: splits[0]?.classes ?? [],
    patchSize,
    problems,
    log,
    signal,
  })
  doubtClassOrder(root, splits, { masks: scorable.size, problems })
  nameTwins(splits, { seen, problems })
  nameWeakClasses(root, splits, problems)
  const found = problems.all()
  const small = problems.files('small-image')
  const stateOf = ({ image, tags }: Sample): State => {
    if (seen.get(image) === undefined) return 'unreadable'
    if (small.has(image)) return 'small'
    return tags.length === 0 ? 'untagged' : 'usable'
  }
  return {
    root,
    layout: layout ?? null,
    images: seen.size,
    masks: scorable.size,
    errors: found.filter(({ severity }) => severity === 'error').length,
    warnings: found.filter(({ severity }) => severity === 'warning').length,
    problems: found,
    table: countClasses(splits),
    splits: splits.map(dataset => splitOf(dataset, { stateOf, scorable })),
    notes: [...new Set(splits.flatMap(({ notes = [] }) => notes))],
  }
}

const MANY = 0.25 // of the masks, above which the order of the classes is in doubt, not single tags

/** Says how labels are read where many masks disagree with the tags. */
function doubtClassOrder(
  root: string,
  [first]: readonly Dataset[],
  { masks, problems }: { masks: number; problems: ReturnType<typeof createProblemList> },
): void {
  const disagreeing = problems.files('mask-tags').size
  if (first === undefined || disagreeing < MANY * masks || disagreeing < 3) return
  const order = sample(
    first.classes.map((name, k) => `${k + 1} ${name}`),
    6,
  )
  const reading = first.samples.find(({ maskReading }) => maskReading !== undefined)?.maskReading?.rule
  problems.add('remark', {
    file: root,
    problem: `${disagreeing} of ${count(masks, 'mask')} disagree with the tags, read as ${order}${reading === undefined ? '' : ` (${reading})`}`,
    expected:
      'if the labels have another order, list the classes in theirs in classes.txt, or with --classes',
  })
}

interface LookAtAllOptions {
  readonly patchSize: number
  readonly log: Log
  readonly classes: readonly string[]
  readonly problems: ReturnType<typeof createProblemList>
  readonly signal: AbortSignal | undefined
}

/** Each image with its mask, several at a time. `scorable`: whether a mask is, by image. */
async function lookAtAll(
  samples: readonly Sample[],
  { classes, patchSize, problems, log, signal }: LookAtAllOptions,
): Promise<{ seen: Map<string, SeenImage | undefined>; scorable: Map<string, boolean> }> {
  const unique = [...new Map(samples.map(sample => [sample.image, sample])).values()]
  const seen = new Map<string, SeenImage | undefined>()
  const scorable = new Map<string, boolean>()
  const gate = memoryGate(() => memoryBudget({ most: USUAL_MEMORY }))
  const progress = log.progress({ title: 'check', total: unique.length })
  try {
    await inParallel(
      unique,
      async one => {
        if (signal?.aborted) throw new Interrupted(`image ${seen.size} of ${unique.length}`)
        const { image, mask } = one
        const looked = await lookAtImage(image, { patchSize, gate, problems })
        if (mask !== undefined)
          scorable.set(image, await lookAtMask({ ...one, mask }, { classes, seen: looked, problems }))
        seen.set(image, looked)
        progress.update(seen.size)
      },
      { atOnce: 2 * availableParallelism() }, // one is decoded while another is read, or its mask
    )
  } finally {
    if (seen.size === unique.length) progress.finish()
    else progress.drop()
  }
  return { seen, scorable }
}

type State = 'unreadable' | 'small' | 'untagged' | 'usable'

function splitOf(
  { split, samples }: Dataset,
  { stateOf, scorable }: { stateOf: (sample: Sample) => State; scorable: ReadonlyMap<string, boolean> },
): CheckedSplit {
  const states = samples.map(stateOf)
  const number = (state: State): number => states.filter(other => other === state).length
  const masked = samples.filter(({ mask }) => mask !== undefined)
  const [first] = masked
  return {
    split,
    images: samples.length,
    unreadable: number('unreadable'),
    small: number('small'),
    untagged: number('untagged'),
    usable: number('usable'),
    masks: masked.length,
    scored: masked.filter(
      sample => ['usable', 'untagged'].includes(stateOf(sample)) && scorable.get(sample.image),
    ).length,
    maskReading: first === undefined ? null : ruleOf(first),
  }
}

function ruleOf({ drawn, maskReading }: Sample): string {
  return drawn === undefined ? (maskReading?.rule ?? 'the numbers are labels') : 'drawn from regions'
}
