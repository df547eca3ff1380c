/** @file Runs a row in a process of its own. Loads no libtorch. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { InputError } from '../src/errors.ts'
import { packageRoot } from '../src/io/package-root.ts'
import type { Rounds } from './measure-row.ts'
import type { Conditions, RowResult } from './row.ts'

export interface RowRequest {
  readonly row: string
  readonly conditions: Conditions
  readonly rounds: Omit<Rounds, 'onRound'>
}

/** A message of the process: the round that begins, and at last one of the others. */
export type RowReply =
  | { readonly round: number }
  | { readonly result: RowResult }
  | { readonly refused: string }
  | { readonly failed: string }

/** Rejects with InputError where the row refuses what was given, with Error where it failed. */
export async function runRow(
  request: RowRequest,
  { onRound }: { onRound?: (round: number) => void } = {},
): Promise<RowResult> {
  const program = join(packageRoot(), 'dist/bench/row-process.js')
  const child = fork(program, [JSON.stringify(request)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return new Promise((resolve, reject) => {
    let last: Exclude<RowReply, { round: number }> | undefined
    child.on('message', (reply: RowReply) => {
      if ('round' in reply) onRound?.(reply.round)
      else last = reply
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (last !== undefined && 'result' in last) resolve(last.result)
      else if (last !== undefined && 'refused' in last) reject(new Refused(request.row, last.refused))
      else reject(new Error(last?.failed ?? `the process of ${request.row} ended (${signal ?? code})`))
    })
  })
}

/** What a row said of what it was given; the message is whole. */
class Refused extends InputError {
  constructor(row: string, message: string) {
    super(row, message)
    this.message = message
  }
}
