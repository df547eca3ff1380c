/** @file The result of an ablation: mean and deviation over seeds, each variant against the first. Imports no torch. */
import type { ScoreRecord } from '../../evaluate/index.ts'
import type { AblationVariant } from '../../methods/definition.ts'

/** One finished run. */
export interface AblationRun {
  readonly variant: string
  readonly seed: number
  /** Its run folder. */
  readonly folder: string
  readonly scores: readonly Pick<ScoreRecord, 'metric' | 'split' | 'threshold' | 'miou'>[]
}

/** Over seeds; `deviation` is the sample's (n - 1), null for a single seed. */
export interface Spread {
  readonly mean: number
  readonly deviation: number | null
}

/** One row: a variant's mIoU (percent) and threshold by one metric on one split. */
export interface AblationRow {
  readonly metric: string
  readonly split: string
  readonly variant: string
  readonly seeds: readonly number[]
  readonly miou: Spread
  /** Null for a metric without a threshold. */
  readonly threshold: Spread | null
  /** mIoU above the first variant's, over the seeds both have; null for the first itself. */
  readonly gain: Spread | null
}

/** Content of ablation.json. */
export interface Ablation {
  readonly recipe: string
  readonly variants: readonly AblationVariant[]
  readonly runs: readonly AblationRun[]
  readonly rows: readonly AblationRow[]
}

export function spread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  if (values.length < 2) return { mean, deviation: null }
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) }
}

/** A row for each metric, split and variant that has a score, in the order of the variants. */
export function ablationRows(
  variants: readonly AblationVariant[],
  runs: readonly AblationRun[],
): AblationRow[] {
  const scored = runs.flatMap(({ scores, ...run }) => scores.map(score => ({ ...run, ...score })))
  const kinds = new Map(scored.map(score => [`${score.metric} ${score.split}`, score]))
  return [...kinds.values()].flatMap(({ metric, split }) => {
    const of = (name: string | undefined) =>
      scored.filter(score => score.variant === name && score.metric === metric && score.split === split)
    const first = new Map(of(variants[0]?.name).map(({ seed, miou }) => [seed, miou]))
    return variants.flatMap(({ name }, i): AblationRow[] => {
      const own = of(name)
      if (own.length === 0) return []
      const thresholds = own.flatMap(({ threshold }) => (threshold === null ? [] : [threshold.value]))
      const gains = own.flatMap(({ seed, miou }) => (first.has(seed) ? [miou - first.get(seed)!] : []))
      return [
        {
          metric,
          split,
          variant: name,
          seeds: own.map(({ seed }) => seed),
          miou: spread(own.map(({ miou }) => miou)),
          threshold: thresholds.length === 0 ? null : spread(thresholds),
          gain: i === 0 || gains.length === 0 ? null : spread(gains),
        },
      ]
    })
  })
}

/** A Markdown table, padded so that a terminal shows it well too. */
export function formatAblation({ variants, rows }: Ablation): string {
  const settings = new Map(variants.map(({ name, set }) => [name, set.join(' ')]))
  const header = [
    'variant',
    'settings',
    'metric',
    'mIoU',
    `gain over ${variants[0]?.name ?? ''}`,
    'threshold',
    'seeds',
  ]
  const body = rows.map(({ variant, metric, split, miou, gain, threshold, seeds }) => [
    variant,
    settings.get(variant) || 'the recipe',
    `${metric} (${split})`,
    show(miou),
    gain === null ? '' : show(gain, { sign: true }),
    threshold === null ? '' : show(threshold),
    seeds.join(', '),
  ])
  const widths = header.map((title, i) => Math.max(title.length, ...body.map(cells => cells[i]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  return [line(header), `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)].join(
    '\n',
  )
}

/** 50.09 ± 0.31, or +1.50 ± 0.20 with `sign`. */
function show({ mean, deviation }: Spread, { sign = false } = {}): string {
  const text = `${sign && mean >= 0 ? '+' : ''}${mean.toFixed(2)}`
  return deviation === null ? text : `${text} ± ${deviation.toFixed(2)}`
}
