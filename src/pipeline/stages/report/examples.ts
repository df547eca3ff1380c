/** @file The example images of the report: good, typical and bad ones over all classes, the same every time. */
import type { Dataset, Sample } from '../../../data/dataset.ts'
import { openScoredSplit } from '../../run/open-data.ts'
import { readMadeFile } from '../../run/score-file.ts'
import type { StageContext } from '../../run/stage.ts'
import type { ImageScore } from '../evaluate/masks.ts'
import { stageNames } from '../list.ts'
import type { PredictionScoresFile } from '../predict/prediction-scores.ts'

/** An image to show, and the words after its name. */
export interface Choice {
  readonly sample: Sample
  readonly note: string | undefined
}

/** Images of one split that are to be shown. */
export interface ChosenSet {
  readonly set: Dataset
  readonly choices: readonly Choice[]
}

/** From the images whose CAMs are scored. */
export async function trainingExamples(context: StageContext): Promise<ChosenSet> {
  const { recipe, run } = context
  const scores = (await readMadeFile<readonly ImageScore[]>(run.imageScores, 'evaluate')) ?? []
  const set = await openScoredSplit(context)
  return { set, choices: chooseExamples(set.samples, { scores, count: recipe.report.images }) }
}

/** Half as many of the validation images, by their predictions; none without a segmentation network. */
export async function validationExamples({
  recipe,
  valDataset: set,
  run,
}: StageContext): Promise<ChosenSet[]> {
  if (set === undefined || !stageNames(recipe).includes('predict')) return []
  const file = await readMadeFile<PredictionScoresFile>(run.predictionScores, 'predict')
  const count = Math.ceil(recipe.report.images / 2)
  const choices = chooseExamples(set.samples, { scores: file?.samples ?? [], count })
  const noted = choices.map(({ sample, note }) => ({
    sample,
    note: `${set.split}, not trained on${note === undefined ? '' : `: ${note}`}`,
  }))
  return [{ set, choices: noted }]
}

const BANDS = ['among the best', 'typical', 'among the worst'] as const
const CANDIDATES = 40 // of a band, at most a third of the images: searched for a class not shown yet

/** Up to `count` images, a third each of the best, typical and worst by mIoU; of the candidates the one whose
 * tags were shown least. Without scores the images are taken in their order, spread over the classes. */
export function chooseExamples(
  samples: readonly Sample[],
  { scores, count }: { scores: readonly ImageScore[]; count: number },
): Choice[] {
  const byId = new Map(samples.map(sample => [sample.id, sample]))
  const shown = new Map<number, number>()
  const chosen = new Set<string>()
  const deepest =
    scores.length === 0 ? CANDIDATES : Math.min(CANDIDATES, Math.ceil(scores.length / BANDS.length))
  const pick = (candidates: readonly string[]): Sample | undefined => {
    const open = candidates.filter(id => byId.has(id) && !chosen.has(id)).slice(0, deepest)
    const [first, ...others] = open.map(id => byId.get(id)!)
    if (first === undefined) return undefined
    const best = others.reduce((a, b) => (timesShown(b, shown) < timesShown(a, shown) ? b : a), first)
    chosen.add(best.id)
    for (const k of best.tags) shown.set(k, (shown.get(k) ?? 0) + 1)
    return best
  }
  if (scores.length === 0) {
    const ids = samples.filter(({ tags }) => tags.length > 0).map(({ id }) => id)
    return Array.from({ length: count }, () => pick(ids)).flatMap(sample =>
      sample === undefined ? [] : [{ sample, note: undefined }],
    )
  }
  const ranked = [...scores].sort((a, b) => b.miou - a.miou || (a.id < b.id ? -1 : 1))
  const ids = ranked.map(({ id }) => id)
  const middle = (ids.length - 1) / 2
  const nearMiddle = ids
    .map((id, i) => ({ id, away: Math.abs(i - middle) }))
    .sort((a, b) => a.away - b.away)
    .map(({ id }) => id)
  const orders = [ids, nearMiddle, [...ids].reverse()]
  const miou = new Map(scores.map(score => [score.id, score.miou]))
  return BANDS.flatMap((band, i) =>
    Array.from({ length: Math.ceil((count - i) / BANDS.length) }, () => pick(orders[i] ?? [])).flatMap(
      sample =>
        sample === undefined ? [] : [{ sample, note: `mIoU ${miou.get(sample.id)?.toFixed(1)}, ${band}` }],
    ),
  )
}

/** How often the least shown of its tags was shown; an image without tags comes last. */
function timesShown({ tags }: Sample, shown: ReadonlyMap<number, number>): number {
  return Math.min(...tags.map(k => shown.get(k) ?? 0))
}
