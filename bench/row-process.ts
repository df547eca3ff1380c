/** @file One row in one precision, in a process of its own, so that its memory is its own; started by run-row.ts. */
import { argv } from 'node:process'
import { InputError } from '../src/errors.ts'
import { measureRow } from './measure-row.ts'
import { ROWS } from './rows/list.ts'
import type { RowReply, RowRequest } from './run-row.ts'

const { row: name, conditions, rounds } = JSON.parse(argv[2]!) as RowRequest

// so that the peers, which may be stopped, and the files go with the process
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
process.once('disconnect', () => process.exit(130))

async function measured(): Promise<RowReply> {
  const row = ROWS.find(one => one.name === name)!
  const onRound = (round: number): void => void process.send!({ round } satisfies RowReply)
  try {
    return { result: await measureRow(row, conditions, { ...rounds, onRound }) }
  } catch (error) {
    if (error instanceof InputError) return { refused: error.message }
    return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

const reply = await measured()
process.send!(reply, () => process.exit())
