/** @file `npm run parity -- FILE...`: golden files against our implementation; exit 1 when anything differs. */
import { parseArgs } from 'node:util'
import { TagmaskError } from '../../src/errors.ts'
import { checkDevice } from '../../src/torch/index.ts'
import { checkFile, type FileReport, passes } from './check-file.ts'
import { summaryOf, tableOf } from './table.ts'

const USAGE = `usage: npm run parity -- [--all] [--device cpu|cuda] FILE.safetensors...
  Runs the inputs and weights of golden files through tagmask (fp32) and compares every expected tensor.
  --all     a line for every tensor, not for every family of them
  --device  where networks run (default: cpu)
  exit status: 0 all within tolerance, 1 not (or a file or tensor of unknown kind), 2 wrong use`

interface Arguments {
  readonly files: readonly string[]
  readonly all: boolean
  readonly device: string
}

/** Throws TypeError for an unknown option, InputError for an absent device. */
function parse(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { all: { type: 'boolean', default: false }, device: { type: 'string', default: 'cpu' } },
  })
  return { files: positionals, all: values.all, device: checkDevice(values.device) }
}

/** Prints a table for each file and a summary; returns the exit status. */
export async function parity(
  args: readonly string[],
  { log, error }: Pick<Console, 'log' | 'error'> = console,
): Promise<number> {
  let parsed: Arguments
  try {
    parsed = parse(args)
  } catch (cause) {
    if (!(cause instanceof TypeError || cause instanceof TagmaskError)) throw cause
    error(`${cause.message}\n\n${USAGE}`)
    return 2
  }
  const { files, all, device } = parsed
  if (files.length === 0) {
    error(USAGE)
    return 2
  }
  const reports: FileReport[] = []
  for (const file of files) {
    const report = await checkFile(file, { device })
    reports.push(report)
    log(`${tableOf(report, { all })}\n`)
  }
  log(summaryOf(reports))
  return reports.every(passes) ? 0 : 1
}
