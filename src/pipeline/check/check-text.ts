/** @file The check of a data set as text: problems by severity and kind, classes, what a run would do, a verdict. */
import { relative } from 'node:path'
import { count } from '../../io/count.ts'
import { fromHere } from '../run/run-folder.ts'
import type { CheckedSplit, DataCheck } from './check-data.ts'
import { classText } from './class-table.ts'
import { KINDS, type ProblemKind, SEVERITIES, type Severity } from './problem-kinds.ts'
import type { Problem } from './problem-list.ts'

const EXAMPLES = 5

/** Lines for a terminal. `all`: every problem and class, else some of each kind. The last line is the verdict. */
export function checkText(check: DataCheck, { all = false }: { all?: boolean } = {}): string {
  const parts = [
    headText(check),
    ...SEVERITIES.flatMap(severity => severityText(check, { severity, all })),
    ...(check.table.classes.length === 0 ? [] : [`classes\n${indented(classText(check.table, { all }))}`]),
    ...(check.splits.length === 0 ? [] : [`what a run does\n${indented(planLines(check).join('\n'))}`]),
    verdict(check),
  ]
  return parts.join('\n\n')
}

function headText({ root, layout, images, masks }: DataCheck): string {
  const read = `${count(images, 'image')} and ${count(masks, 'mask')} read`
  return `${fromHere(root)}: ${layout === null ? 'not recognised' : `layout ${layout}`}; ${read}`
}

const HEADINGS: Readonly<Record<Severity, string>> = { error: 'errors', warning: 'warnings', note: 'notes' }

function severityText(
  { root, problems }: DataCheck,
  { severity, all }: { severity: Severity; all: boolean },
): string[] {
  const groups = new Map<ProblemKind, Problem[]>()
  for (const problem of problems)
    if (problem.severity === severity)
      groups.set(problem.kind, [...(groups.get(problem.kind) ?? []), problem])
  if (groups.size === 0) return []
  const blocks = [...groups].map(([kind, list]) => groupText(kind, list, { root, all }))
  return [`${HEADINGS[severity]}\n${indented(blocks.join('\n'))}`]
}

/** A heading with the number, some of the cases, and the remedy: once where it is the same for all. */
function groupText(
  kind: ProblemKind,
  list: readonly Problem[],
  { root, all }: { root: string; all: boolean },
): string {
  const shown = all ? list : list.slice(0, EXAMPLES)
  const remedies = new Set(shown.map(({ remedy }) => remedy))
  const [common] = remedies.size === 1 ? remedies : []
  const lines = shown.map(problem => {
    const own = common === undefined && problem.remedy !== null ? `; ${problem.remedy}` : ''
    return `${caseText(problem, root)}${own}`
  })
  const more = list.length - shown.length
  return [
    `${KINDS[kind].title}: ${list.length.toLocaleString('en-US')}`,
    ...lines.map(line => `  ${line}`),
    ...(more > 0 ? [`  and ${more.toLocaleString('en-US')} more (--all)`] : []),
    ...(common === undefined || common === null ? [] : [`  -> ${common}`]),
  ].join('\n')
}

function caseText({ file, where, problem }: Problem, root: string): string {
  const inside = relative(root, file)
  const words = inRoot(problem, root)
  if (inside === '') return words // of the data set as a whole
  return `${inside.startsWith('..') ? file : inside}${where === null ? '' : ` (${where})`}: ${words}`
}

/** Paths from the data set's folder on. */
function inRoot(sentence: string, root: string): string {
  return sentence.replaceAll(`${root}/`, '').replaceAll(`${root}: `, '')
}

/** Files that are in no split. */
const SKIPPED = ['unread-format', 'left-out-file', 'same-name', 'no-split'] as const

function planLines({ splits, notes, problems, root }: DataCheck): string[] {
  const skipped = SKIPPED.flatMap(kind => {
    const n = problems.filter(problem => problem.kind === kind).length
    return n === 0 ? [] : [`${KINDS[kind].title} ${n.toLocaleString('en-US')}`]
  })
  return [
    ...splits.map(splitText),
    ...(skipped.length === 0 ? [] : [`skipped besides: ${skipped.join(', ')}`]),
    ...notes.map(note => inRoot(note, root)),
  ]
}

/** "train: 80 images, of which 2 cannot be read; 78 usable; 74 of 75 masks can be scored (the numbers are labels)" */
function splitText(split: CheckedSplit): string {
  const { images, unreadable, small, untagged, usable, masks, scored, maskReading } = split
  const number = (n: number): string => n.toLocaleString('en-US')
  const skipped = [
    ...(unreadable === 0 ? [] : [`${number(unreadable)} cannot be read`]),
    ...(small === 0 ? [] : [`${number(small)} smaller than a patch`]),
    ...(untagged === 0 ? [] : [`${number(untagged)} without tags`]),
  ]
  return [
    `${split.split}: ${count(images, 'image')}${skipped.length === 0 ? '' : `, of which ${skipped.join(', ')}`}`,
    ...(skipped.length === 0 ? [] : [`${number(usable)} usable`]),
    masks === 0
      ? 'no masks, so nothing is scored'
      : `${number(scored)} of ${count(masks, 'mask')} can be scored (${maskReading})`,
  ].join('; ')
}

function verdict({ errors, warnings, images, masks, root, splits }: DataCheck): string {
  const doubts = warnings === 0 ? '' : `${count(warnings, 'warning')}`
  if (errors > 0)
    return `not ready: ${count(errors, 'error')}${doubts === '' ? '' : ` and ${doubts}`}; mend them and check again`
  const what = splits.length === 0 ? fromHere(root) : `${count(images, 'image')}, ${count(masks, 'mask')}`
  return `ready: ${doubts === '' ? 'no problems' : `no errors, ${doubts}`} in ${what}`
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ')
}
