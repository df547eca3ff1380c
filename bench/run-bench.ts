/** @file A run of the benchmark: rows one after another, the table, and the history. */
import type { Precision } from '../src/torch/index.ts'
import { BUSY, busyLine, coresInUse } from './busy.ts'
import { compareWith, comparisonLines } from './compare.ts'
import { appendHistory, entryOf, openHistory } from './history.ts'
import { type Machine, machineLine, thisMachine } from './machine.ts'
import type { BenchOptions } from './options.ts'
import type { Row, RowResult } from './row.ts'
import { runRow } from './run-row.ts'
import { judgedBars, noteLines, resultTable } from './table.ts'

/** A row that was measured, and the cores that others used right before. */
interface Measured {
  readonly row: Row
  readonly result: RowResult
  readonly inUse: number
}

/** Measures the rows and appends them to the history; the text for stdout, and what went wrong with single rows. */
export async function runBench(
  rows: readonly Row[],
  options: BenchOptions,
): Promise<{ text: string; failures: readonly string[] }> {
  const { commit, path, entries: history } = await openHistory(options.history) // a broken line is said before minutes of work
  const machine = thisMachine()
  const { measured, failures } = await measureAll(rows, options)
  const { device } = options
  const run = {
    ...(commit ?? { commit: 'none', dirty: false }),
    date: new Date().toISOString(),
    machine,
    device,
  }
  const entries = measured.map(({ result, inUse }) => entryOf(result, { ...run, busy: inUse > BUSY }))
  if (options.record && path !== undefined) await appendHistory(path, entries)
  const lines = options.comparable ? comparisonLines(compareWith(entries, history)) : []
  return { text: options.json ? json(run, measured) : report(machine, measured, lines), failures }
}

async function measureAll(
  rows: readonly Row[],
  options: BenchOptions,
): Promise<{ measured: readonly Measured[]; failures: readonly string[] }> {
  const measured: Measured[] = []
  const failures: string[] = []
  for (const row of rows)
    for (const precision of row.byPrecision ? options.precisions : (['fp32'] as const)) {
      const inUse = await coresInUse({ seconds: options.quick ? 0.2 : 1 })
      const name = row.byPrecision ? `${row.name} ${precision}` : row.name
      try {
        measured.push({ row, inUse, result: await measureOne(row, { precision, name, options }) })
      } catch (error) {
        failures.push(`${name}: ${error instanceof Error ? error.message : error}`)
      }
    }
  return { measured, failures }
}

function measureOne(
  row: Row,
  { precision, name, options }: { precision: Precision; name: string; options: BenchOptions },
): Promise<RowResult> {
  const { device, quick, batch, clones, data, peerDefaults, rounds } = options
  const conditions = { precision, device, quick, batch, clones, data, peerDefaults }
  process.stderr.write(`${name}: preparing\n`)
  return runRow(
    {
      row: row.name,
      conditions,
      rounds: quick ? { rounds, seconds: 0, rest: 0 } : { rounds, seconds: 0.2, rest: 0.5 },
    },
    {
      onRound: round =>
        void process.stderr.write(`${name}: ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}\n`),
    },
  )
}

function report(machine: Machine, measured: readonly Measured[], compared: readonly string[]): string {
  const busy = busyLine(Math.max(0, ...measured.map(({ inUse }) => inUse)), machine)
  return [
    machineLine(machine),
    ...(busy === undefined ? [] : [busy]),
    '',
    resultTable(measured.map(({ row, result }) => ({ result, bars: judgedBars(row, result) }))),
    '',
    ...noteLines(measured.map(({ result }) => result)),
    ...compared,
  ].join('\n')
}

function json(run: object, measured: readonly Measured[]): string {
  const rows = measured.map(({ row, result, inUse }) => ({
    ...result,
    bars: judgedBars(row, result),
    othersUsed: inUse,
  }))
  return JSON.stringify({ ...run, rows }, null, 2)
}
