/** @file A run of the benchmark: rows one after another, the table, and the history. */
import type { Precision } from '../src/torch/index.ts'
import { BUSY, busyLine, coresInUse } from './busy.ts'
import { compareWith, comparisonLines } from './compare.ts'
import { appendHistory, type Entry, entryOf, openHistory } from './history.ts'
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
  readonly entry: Entry
}

/** Measures the rows, each appended to the history when it is done; the text for stdout, and what went wrong with single rows. */
export async function runBench(
  rows: readonly Row[],
  options: BenchOptions,
): Promise<{ text: string; failures: readonly string[] }> {
  const history = await openHistory(options.history) // a broken line is said before minutes of work
  const run = {
    date: new Date().toISOString(),
    ...(history.commit ?? { commit: 'none', dirty: false }),
    machine: thisMachine(),
  }
  const measured: Measured[] = []
  const failures: string[] = []
  for (const row of rows.filter(({ byPrecision }) => byPrecision || options.device === 'cpu'))
    for (const precision of row.byPrecision ? options.precisions : (['fp32'] as const)) {
      const inUse = await coresInUse({ seconds: options.quick ? 0.2 : 1 })
      const name = row.byPrecision ? `${row.name} ${precision}` : row.name
      try {
        const result = await measureOne(row, { precision, name, options })
        const entry = entryOf(result, { ...run, device: options.device, busy: inUse > BUSY })
        measured.push({ row, result, inUse, entry })
        if (options.record && history.path !== undefined) await appendHistory(history.path, [entry])
      } catch (error) {
        failures.push(`${name}: ${error instanceof Error ? error.message : error}`)
      }
    }
  const entries = measured.map(({ entry }) => entry)
  const compared = options.comparable ? comparisonLines(compareWith(entries, history.entries)) : []
  const { device } = options
  const text = options.json ? json({ ...run, device }, measured) : report(run.machine, measured, compared)
  return { text, failures }
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
