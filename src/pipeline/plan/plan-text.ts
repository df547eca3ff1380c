/** @file The plan of a run as lines for a terminal. Imports no torch. */

import { formatBytes } from '../../io/available-memory.ts'
import { count } from '../../io/count.ts'
import { shortName } from '../../io/printable.ts'
import { formatDuration } from '../../train/duration.ts'
import { fromHere } from '../run/run-folder.ts'
import type { PlannedStage, RunPlan } from './run-plan.ts'

const SHOWN = { classes: 12, images: 3 }

/** Lines under "plan". `alone`, as `tagmask run --dry-run` prints them: the last names the thorough check of the data. */
export function planText(plan: RunPlan, { alone = false }: { alone?: boolean } = {}): string {
  const { weights, stages, result } = plan
  const rows: [string, string][] = [
    ['images', imagesText(plan)],
    ...unreadableRows(plan),
    ['classes', classesText(plan)],
    ['start', weights.length === 0 ? 'random weights' : weights.map(({ file }) => fromHere(file)).join(', ')],
    ...stageRows(stages),
    ['in all', totalText(plan)],
    ...(stages.some(({ name }) => name === 'result')
      ? [
          ['masks', `${stages.every(({ done }) => done) ? 'are' : 'will be'} in ${fromHere(result)}`] as [
            string,
            string,
          ],
        ]
      : []),
  ]
  if (alone)
    rows.push(['check', `tagmask data check ${fromHere(plan.data)} reads every image and mask to its end`])
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return ['plan', ...rows.map(([name, text]) => `  ${name.padEnd(width)}${text}`)].join('\n')
}

function imagesText({ train, val, width, height }: RunPlan): string {
  const untagged = train.images - train.tagged
  const masks = train.masks + (val?.masks ?? 0)
  return [
    `${count(train.tagged, 'image')} of ${train.split}`,
    ...(untagged === 0 ? [] : [`${untagged} more without a tag, not trained on`]),
    val === undefined
      ? 'no validation'
      : `${val.images.toLocaleString('en-US')} of ${val.split} to validate on`,
    masks === 0
      ? 'no ground truth, so nothing is scored'
      : `${masks.toLocaleString('en-US')} with ground truth`,
    `about ${width} x ${height} pixels`,
  ].join('; ')
}

/** One cause a row, with the first images that have it. */
function unreadableRows({ unreadable }: RunPlan): [string, string][] {
  const causes = new Map<string, string[]>()
  for (const { id, why } of unreadable) causes.set(why, [...(causes.get(why) ?? []), id])
  return [...causes].map(([why, ids]) => {
    const more = ids.length > SHOWN.images ? ` and ${ids.length - SHOWN.images} more` : ''
    return [
      'left out',
      `${count(ids.length, 'image')} (${ids.slice(0, SHOWN.images).join(', ')}${more}): ${why}`,
    ]
  })
}

function classesText({ classes }: RunPlan): string {
  const ordered = [...classes].sort((a, b) => b.images - a.images)
  const shown = ordered
    .slice(0, SHOWN.classes)
    .map(({ name, images }) => `${shortName(name)} ${images.toLocaleString('en-US')}`)
  const more = ordered.slice(SHOWN.classes)
  const least = more.at(-1)
  const rest =
    least === undefined ? '' : `, ${more.length} more down to ${shortName(least.name)} ${least.images}`
  return `${classes.length}: ${shown.join(', ')}${rest}`
}

function stageRows(stages: readonly PlannedStage[]): [string, string][] {
  return stages.map(({ name, trainings, done, seconds, bytes }) => [
    name,
    [
      done ? 'done before' : (seconds === undefined ? '' : formatDuration(seconds)).padEnd(12),
      `${formatBytes(bytes).padStart(7)}`,
      ...(done || trainings.length === 0 ? [] : [trainings.join('; then ')]),
    ].join('  '),
  ])
}

function totalText({ stages, machine, peak, free }: RunPlan): string {
  if (stages.every(({ done }) => done)) return 'nothing to do'
  const stays = formatBytes(stages.reduce((sum, stage) => sum + stage.bytes, 0))
  const room = free !== undefined && free < peak ? `, of which ${formatBytes(free)} are free` : ''
  const bytes = `${stays}, while it runs up to ${formatBytes(peak)}${room}`
  if (machine === undefined) return `${bytes}; the time on a GPU is not estimated`
  const seconds = stages.reduce((sum, stage) => sum + (stage.seconds ?? 0), 0)
  const speed = `${Math.round(machine.gflops)} GFLOP/s in ${machine.precision}, measured now`
  return `about ${formatDuration(seconds)}; ${bytes}; by the speed of ${count(machine.cores, 'thread')} here (${speed})`
}
