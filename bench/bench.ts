/** @file `npm run bench`: hot paths beside their peers and floors; a table, and a line of each row in the history. */
import { InputError } from '../src/errors.ts'
import { compareLast, comparisonLines } from './compare.ts'
import { openHistory } from './history.ts'
import { HELP, parseOptions } from './options.ts'

/** Loads libtorch after the options are known to be right. */
async function main(args: readonly string[]): Promise<string> {
  const options = parseOptions(args)
  if (options.help) return HELP.trimEnd()
  if (options.compare) {
    const { entries } = await openHistory(options.history)
    return comparisonLines(compareLast(entries)).join('\n')
  }
  const { chosenRows } = await import('./rows/list.ts')
  const rows = chosenRows(options.only)
  if (options.list) return rows.map(({ name, title }) => `${name.padEnd(24)}${title}`).join('\n')
  const { runBench } = await import('./run-bench.ts')
  const { text, failures } = await runBench(rows, options)
  for (const failure of failures) process.stderr.write(`${failure}\n`)
  if (failures.length > 0) process.exitCode = 1
  return text
}

try {
  process.stdout.write(`${await main(process.argv.slice(2))}\n`)
} catch (error) {
  if (!(error instanceof InputError)) throw error
  process.stderr.write(`error: ${error.message}\n`)
  process.exitCode = 2
}
