/** @file Comparisons as lines of text. */
import { basename } from 'node:path'
import { type FileReport, passes } from './check-file.ts'
import type { Comparison } from './comparison.ts'

const FAMILY = 2 // as many tensors whose names differ in numbers only share a line

/** A file's table. Tensors that differ only in the numbers of their names share a line unless `all`; failing ones never do. */
export function tableOf(report: FileReport, { all = false }: { all?: boolean } = {}): string {
  const { path, kind, comparisons, problem } = report
  const title = `${basename(path)}: ${kind ?? 'unknown'}`
  if (problem !== undefined) return `${title}\n  FAIL  ${problem}`
  const failing = comparisons.filter(({ ok }) => !ok)
  const rows = (all ? comparisons : [...families(comparisons.filter(({ ok }) => ok)), ...failing]).map(cells)
  const head = ['tensor', 'max abs', 'max rel', 'tolerance', '', '']
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map(row => row[i]!.length)))
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]!) : i < 3 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ')}`.trimEnd()
  const total = `  ${comparisons.length - failing.length} of ${comparisons.length} within tolerance`
  return [title, line(head), ...rows.map(line), total].join('\n')
}

/** The last line: files and comparisons, and how many fail. */
export function summaryOf(reports: readonly FileReport[]): string {
  const all = reports.flatMap(({ comparisons }) => comparisons)
  const failing = all.filter(({ ok }) => !ok).length
  const bad = reports.filter(report => !passes(report))
  const verdict =
    bad.length === 0 ? 'all within tolerance' : `FAIL: ${bad.map(({ path }) => basename(path)).join(', ')}`
  return `${reports.length} files, ${all.length} comparisons, ${failing} above tolerance; ${verdict}`
}

/** The worst of each family stands for it. */
function families(comparisons: readonly Comparison[]): Comparison[] {
  const grouped = new Map<string, Comparison[]>()
  for (const comparison of comparisons) {
    const { bar, tolerance, note } = comparison
    const key = [familyName(comparison), bar, tolerance, note].join()
    grouped.set(key, [...(grouped.get(key) ?? []), comparison])
  }
  return [...grouped.values()].flatMap(family => {
    if (family.length < FAMILY) return family
    const worst = family.reduce((a, b) => (b.maxRel > a.maxRel ? b : a))
    const maxAbs = Math.max(...family.map(comparison => comparison.maxAbs))
    return [{ ...worst, tensor: `${familyName(worst)} (${family.length})`, maxAbs }]
  })
}

/** `grad.blocks.3.norm1.weight` -> `grad.blocks.#.norm1.weight` */
function familyName({ tensor }: Comparison): string {
  return tensor.replaceAll(/(?<=\.)\d+(?=\.|$)/g, '#')
}

function cells({ tensor, maxAbs, maxRel, tolerance, bar, ok, note }: Comparison): string[] {
  const tolerated =
    bar === 'exact' ? 'exact' : `${tolerance.toExponential(0)} ${bar === 'absolute' ? 'abs' : 'rel'}`
  return [tensor, number(maxAbs), number(maxRel), tolerated, ok ? 'ok' : 'FAIL', note ?? '']
}

function number(value: number): string {
  return value === 0 ? '0' : Number.isFinite(value) ? value.toExponential(1) : 'inf'
}
