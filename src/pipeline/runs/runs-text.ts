/** @file The list of runs for a terminal of 100 columns. Imports no torch. */
import { count } from '../../io/count.ts'
import { textTable } from '../../io/text-table.ts'
import type { AblationSummary, RunList, RunSummary } from './list-runs.ts'
import { formatBytes } from './run-files.ts'

/** The table, newest first, and a line for each metric of an ablation. `where`: the folder of all runs, in words. */
export function runsText({ runs, ablations }: RunList, { where }: { where: string }): string {
  if (runs.length === 0) return `no runs in ${where}; tagmask demo makes one`
  const total = runs.reduce((sum, { bytes }) => sum + bytes, 0)
  const table = textTable(
    [
      { title: 'state' },
      { title: 'method' },
      { title: 'data', most: 20 },
      { title: 'seed', align: 'right' },
      { title: 'mask', align: 'right' },
      { title: 'val', align: 'right' },
      { title: 'size', align: 'right' },
      { title: 'date' },
      { title: 'run' }, // last: whatever its length, it can be copied whole
    ],
    runs.map(run => [
      stateText(run),
      run.method ?? '?',
      dataText(run.data),
      scoreOf(run, ['evaluate']),
      scoreOf(run, ['refine', 'segment']),
      scoreOf(run, ['predict']),
      formatBytes(run.bytes),
      localTime(run.date),
      run.name,
    ]),
  )
  return [
    table,
    '',
    ...ablations.flatMap(ablationText),
    ...(ablations.length === 0 ? [] : ['']),
    'mIoU in percent: of CAMs (seed), of pseudo masks (mask), of predictions, the last of their ways (val).',
    `${count(runs.length, 'run')} in ${where}, ${formatBytes(total)}. tagmask runs compare A B: all scores and the keys that differ.`,
  ].join('\n')
}

function dataText({ name, images }: RunSummary['data']): string {
  if (name === null) return images === null ? '' : count(images, 'image')
  return images === null ? name : `${name}, ${images.toLocaleString('en-US')}`
}

/** "done", or how far: the stage that works, was stopped, or is next. */
export function stateText({ stages, process, method }: RunSummary): string {
  if (method === null) return 'older tagmask'
  const begun = stages.find(({ state }) => state === 'begun')
  if (begun !== undefined) return `${begun.name} ${process === null ? 'stopped' : 'runs'}`
  const next = stages.find(({ state }) => state === 'open')
  if (next === undefined) return 'done'
  return process === null ? `next ${next.name}` : `${next.name} begins`
}

/** The last score of these stages, as of the dense CRF after several scales. */
function scoreOf({ scores }: RunSummary, stages: readonly string[]): string {
  return scores.findLast(({ stage }) => stages.includes(stage))?.miou.toFixed(1) ?? ''
}

/** "11-29 17:58" of this machine's clock, with the year where it is another. */
function localTime(iso: string): string {
  const time = new Date(iso)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${two(time.getMonth() + 1)}-${two(time.getDate())}`
  if (time.getFullYear() !== new Date().getFullYear()) return `${time.getFullYear()}-${day}`
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`
}

/** A line for each metric: every variant's mean, and what it gains over the first. */
function ablationText({ folder, recipe, rows }: AblationSummary): string[] {
  const kinds = [...new Set(rows.map(({ metric, split }) => `${metric} (${split})`))]
  return kinds.map(kind => {
    const own = rows.filter(({ metric, split }) => `${metric} (${split})` === kind)
    const cells = own.map(({ variant, miou, gain }) => {
      const over = gain === null ? '' : ` (${gain.mean < 0 ? '' : '+'}${gain.mean.toFixed(2)})`
      return `${variant} ${miou.mean.toFixed(2)}${over}`
    })
    return `${folder} of ${recipe}, ${kind}: ${cells.join(', ')}`
  })
}
