/** @file `tagmask runs compare`: the recipe keys in which runs differ, and their scores side by side. Imports no torch. */
import { InputError } from '../../errors.ts'
import { textTable } from '../../io/text-table.ts'
import { flattenKeys, isNeutralKey } from '../recipe/compare.ts'
import { existingRunFolder } from '../run/run-folder.ts'
import { type RunScore, readRunScores, scoreName } from './run-scores.ts'

/** One run as it is compared: its name, and its folder. */
export interface ComparedRun {
  readonly name: string
  readonly root: string
}

export interface RunComparison {
  readonly runs: readonly string[]
  /** Keys with different values, sorted; null where a recipe has no such key. */
  readonly keys: readonly { readonly key: string; readonly values: readonly unknown[] }[]
  /** Further keys that differ, but cannot change a result. */
  readonly neutral: readonly string[]
  /** mIoU in percent, and its difference to the first run's; null where a run has no such score. */
  readonly scores: readonly {
    readonly metric: string
    readonly values: readonly (number | null)[]
    readonly differences: readonly (number | null)[]
    /** How many images were scored. */
    readonly images: readonly (number | null)[]
    readonly thresholds: readonly (number | null)[]
  }[]
}

/** Compares two runs or more. Throws InputError for fewer, and for what is no run. */
export async function compareRuns(runs: readonly ComparedRun[]): Promise<RunComparison> {
  if (runs.length < 2)
    throw new InputError('runs compare', 'compares two runs or more', {
      expected: 'give their names: tagmask runs compare A B',
    })
  const opened = await Promise.all(runs.map(({ root }) => existingRunFolder(root)))
  const recipes = opened.map(({ recipe }) => flattenKeys(recipe))
  const keys = [...new Set(recipes.flatMap(recipe => [...recipe.keys()]))].sort()
  const differing = keys
    .map(key => ({ key, values: recipes.map(recipe => recipe.get(key) ?? null) }))
    .filter(({ values }) => new Set(values.map(value => JSON.stringify(value))).size > 1)
  const scores = await Promise.all(opened.map(({ run }) => readRunScores(run)))
  return {
    runs: runs.map(({ name }) => name),
    keys: differing.filter(({ key }) => !isNeutralKey(key)),
    neutral: differing.filter(({ key }) => isNeutralKey(key)).map(({ key }) => key),
    scores: besides(scores),
  }
}

/** A row for each metric that a run has, in the order of the stages. */
function besides(all: readonly (readonly RunScore[])[]): RunComparison['scores'] {
  const order = ['evaluate', 'refine', 'segment', 'predict']
  const kinds = new Map(all.flat().map(score => [scoreName(score), order.indexOf(score.stage)]))
  const names = [...kinds].sort(([, a], [, b]) => a - b).map(([name]) => name)
  return names.map(metric => {
    const own = all.map(scores => scores.find(score => scoreName(score) === metric))
    const values = own.map(score => score?.miou ?? null)
    const first = values[0] ?? null
    return {
      metric,
      values,
      differences: values.map(value => (value === null || first === null ? null : value - first)),
      images: own.map(score => score?.images ?? null),
      thresholds: own.map(score => score?.threshold ?? null),
    }
  })
}

const WIDEST = 34 // of a value, columns

/** Two tables: keys, then scores with their differences to the first run. */
export function comparisonText({ runs, keys, neutral, scores }: RunComparison): string {
  const show = (value: unknown): string => (value === null ? '-' : JSON.stringify(value))
  const columns = runs.map(title => ({ title, most: WIDEST }))
  const sections = [
    keys.length === 0
      ? 'the recipes are the same'
      : textTable(
          [{ title: 'key' }, ...columns],
          keys.map(({ key, values }) => [key, ...values.map(show)]),
        ),
    ...(neutral.length === 0 ? [] : [`without effect on results: ${neutral.join(', ')}`]),
    scores.length === 0
      ? 'no scores'
      : textTable(
          [{ title: 'mIoU, %' }, ...runs.map(title => ({ title, align: 'right' as const }))],
          scores.map(({ metric, values, differences }) => [
            metric,
            ...values.map((value, i) => scoreCell(value, i === 0 ? null : differences[i]!)),
          ]),
        ),
    ...scores.flatMap(({ metric, images }) => {
      const known = images.filter(count => count !== null)
      const same = new Set(known).size < 2
      return same ? [] : [`${metric}: on different numbers of images, ${known.join(', ')}`]
    }),
  ]
  return sections.join('\n\n')
}

/** "50.12 (+1.30)" */
function scoreCell(value: number | null, difference: number | null): string {
  if (value === null) return '-'
  const over = difference === null ? '' : ` (${difference < 0 ? '' : '+'}${difference.toFixed(2)})`
  return `${value.toFixed(2)}${over}`
}
