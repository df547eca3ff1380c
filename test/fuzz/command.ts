/** @file `npm run fuzz`: long runs of the fuzzer, other inputs each time. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { textTable } from '../../src/io/text-table.ts'
import { type FuzzOptions, type FuzzReport, fuzz } from './fuzz.ts'
import { READERS } from './readers/list.ts'

const USAGE = `npm run fuzz -- [--minutes 10] [--reader NAME]... [--seed N] [--input N] [--inputs N]

Mutated files for every reader, ${READERS.map(({ name }) => `"${name}"`).join(', ')},
for so many minutes altogether. --seed makes the same inputs again, --input one of them alone, --inputs so many of each.`

/** Exit status: 1 when an input failed. */
export async function command(words: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      minutes: { type: 'string' },
      reader: { type: 'string', multiple: true },
      seed: { type: 'string' },
      input: { type: 'string' },
      inputs: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  const all = READERS.map(({ name }) => name)
  const names = values.reader ?? all
  const wrong = names.find(name => !all.includes(name))
  if (values.help || wrong !== undefined) {
    console.error(wrong === undefined ? USAGE : `there is no reader "${wrong}"\n${USAGE}`)
    return wrong === undefined ? 0 : 2
  }
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  const workers = Math.min(names.length, availableParallelism())
  const counted = values.input !== undefined || values.inputs !== undefined
  const options: FuzzOptions = {
    seed,
    first: Number(values.input ?? 0),
    ...(counted && { inputs: Number(values.inputs ?? 1) }),
    ...((!counted || values.minutes !== undefined) && {
      seconds: (60 * Number(values.minutes ?? 10) * workers) / names.length,
    }),
  }
  console.log(`seed ${seed}`)
  process.on('SIGINT', () => process.exit(130)) // removes what is in the memory's folder
  const reports: FuzzReport[] = []
  const open = [...names]
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (let name = open.shift(); name !== undefined; name = open.shift()) {
        const report = await fuzz(name, options)
        reports.push(report)
        console.log(`${name}: ${report.inputs} inputs in ${report.seconds.toFixed()} s`)
        for (const line of failureLines(report)) console.error(line)
      }
    }),
  )
  console.log(reportTable(reports))
  return reports.some(({ failures }) => failures.length > 0) ? 1 : 0
}

/** One paragraph for each failure: what happened, where the file is, how to make it again. */
export function failureLines({ reader, seed, failures }: FuzzReport): string[] {
  return failures.map(
    ({ input, problem, kept }) =>
      `${reader}: ${problem}\n  kept as ${kept}\n  again: npm run fuzz -- --reader "${reader}" --seed ${seed} --input ${input}`,
  )
}

/** A line for each reader. */
export function reportTable(reports: readonly FuzzReport[]): string {
  const share = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`
  return textTable(
    [
      { title: 'reader' },
      { title: 'inputs', align: 'right' },
      { title: 'accepted', align: 'right' },
      { title: 'slowest', align: 'right' },
      { title: 'most memory', align: 'right' },
      { title: 'of a file of', align: 'right' },
      { title: 'of a large file', align: 'right' },
      { title: 'failures', align: 'right' },
      { title: 'inputs a CPU second', align: 'right' },
    ],
    reports.map(({ reader, inputs, accepted, slowest, largest, large, failures, cpu }) => [
      reader,
      String(inputs),
      share(accepted, inputs),
      `${(1000 * slowest.seconds).toFixed()} ms`,
      `${(largest.bytes / 2 ** 20).toFixed(1)} MiB`,
      `${(largest.size / 1024).toFixed(1)} KiB`,
      large === undefined
        ? ''
        : `${(large.bytes / large.size).toFixed(1)} times ${(large.size / 2 ** 20).toFixed(1)} MiB`,
      String(failures.length),
      (inputs / Math.max(0.001, cpu)).toFixed(),
    ]),
  )
}
