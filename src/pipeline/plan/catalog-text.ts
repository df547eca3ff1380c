/** @file The list of recipes for a terminal of 100 columns. Imports no torch. */
import { textTable } from '../../io/text-table.ts'
import { type CatalogEntry, USUAL_MACHINE } from './recipe-catalog.ts'

const { gflops, cores } = USUAL_MACHINE

/** The assumption of all estimates. */
const ASSUMED = `Times are rough: ${cores} cores at ${gflops} GFLOP/s (tagmask doctor measures yours), photos of 500 x 375 pixels.`

const WIDEST = 100

/** For each recipe a row and a line that says what it is for; then what the times assume. */
export function catalogText(entries: readonly CatalogEntry[]): string {
  const usual = entries
    .find(({ estimates }) => estimates.length > 1)
    ?.estimates.map(({ images }) => images) ?? [entries[0]?.estimates[0]?.images ?? 0]
  const times = ({ estimates }: CatalogEntry): string[] =>
    estimates.length === usual.length
      ? estimates.map(({ seconds }) => roughly(seconds))
      : [...usual.slice(1).map(() => ''), roughly(estimates[0]!.seconds)] // a demo
  const [titles = '', ...rows] = textTable(
    [
      { title: 'recipe' },
      { title: 'method' },
      { title: 'weights' },
      ...usual.map(count => ({ title: count.toLocaleString('en-US'), align: 'right' as const })),
    ],
    entries.map(entry => [
      entry.name,
      entry.method,
      entry.weights.map(needed => needed.split(' for ')[0]).join(', ') || 'none',
      ...times(entry),
    ]),
  ).split('\n')
  const purposes = entries.map(({ purpose }) =>
    purpose.length > WIDEST - 2 ? `${purpose.slice(0, WIDEST - 3)}…` : purpose,
  )
  return [
    titles,
    ...rows.flatMap((row, i) => [row, `  ${purposes[i]}`]),
    '',
    ASSUMED,
    `The last columns: the time for so many images, for a demo for those that it makes.`,
    'tagmask recipes NAME shows its keys, and the time of each stage.',
  ].join('\n')
}

/** One recipe: its file, then what it needs and how long each stage takes. */
export function entryText(entry: CatalogEntry, { yaml }: { yaml: string }): string {
  const { estimates, weights } = entry
  const stages = estimates[0]!.stages.map(({ stage }, i) => [
    stage,
    ...estimates.map(({ stages }) => roughly(stages[i]!.seconds)),
  ])
  const table = textTable(
    [
      { title: 'stage' },
      ...estimates.map(({ images }) => ({
        title: `${images.toLocaleString('en-US')} images`,
        align: 'right' as const,
      })),
    ],
    [...stages, ['all', ...estimates.map(({ seconds }) => roughly(seconds))]],
  )
  const needs = weights.length === 0 ? 'none: it starts from random weights' : weights.join(', ')
  return [yaml.trimEnd(), '', `weights to give: ${needs}`, '', table, '', ASSUMED].join('\n')
}

/** Two digits are all that an estimate has: "40 s", "5 min", "3 h", "12 d". */
export function roughly(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  const units = [
    ['s', 1, 90],
    ['min', 60, 90 * 60],
    ['h', 3600, 48 * 3600],
    ['d', 86_400, Number.POSITIVE_INFINITY],
  ] as const
  const [unit, size] = units.find(([, , below]) => seconds < below)!
  const value = seconds / size
  return value < 9.95 && unit !== 's'
    ? `${Number(value.toFixed(1))} ${unit}`
    : `${Math.max(1, Math.round(value))} ${unit}`
}
